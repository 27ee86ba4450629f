package kube

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
)

// Pools lists the SpotInstanceVMs of all namespaces, from etcd and not from a cache. The list is complete or an error: an
// answer that is not clearly the whole list is none, since whoever asks deletes what no pool owns.
func (c *Client) Pools(ctx context.Context) ([]v1alpha1.SpotInstanceVM, error) {
	// The typed client knows only Kubernetes' own kinds, and its REST client would ask for protobuf.
	answer := c.api.CoreV1().RESTClient().Get().
		AbsPath("/apis/"+v1alpha1.GroupVersion.String()+"/spotinstancevms").SetHeader("Accept", "application/json").Do(ctx)
	if err := answer.Error(); err != nil {
		return nil, fmt.Errorf("list SpotInstanceVMs of all namespaces: %w", err)
	}
	body, err := answer.Raw()
	if err != nil {
		return nil, fmt.Errorf("list SpotInstanceVMs of all namespaces: %w", err)
	}
	pools, err := wholeList(body)
	if err != nil {
		return nil, fmt.Errorf("list SpotInstanceVMs of all namespaces: %w", err)
	}
	return pools, nil
}

// Pool returns the SpotInstanceVM of this namespace and name, from etcd and not from a cache.
func (c *Client) Pool(ctx context.Context, namespace, name string) (*v1alpha1.SpotInstanceVM, error) {
	var pool v1alpha1.SpotInstanceVM
	if err := c.get(ctx, "SpotInstanceVM", namespace, name, &pool); err != nil {
		return nil, err
	}
	if pool.Kind != "SpotInstanceVM" || pool.Name != name || pool.UID == "" {
		return nil, fmt.Errorf("the answer for SpotInstanceVM %s/%s is a %q named %q", namespace, name, pool.Kind, pool.Name)
	}
	return &pool, nil
}

// TrainingJob returns the SpotInstanceJob of this namespace and name, from etcd and not from a cache.
func (c *Client) TrainingJob(ctx context.Context, namespace, name string) (*v1alpha1.SpotInstanceJob, error) {
	var job v1alpha1.SpotInstanceJob
	if err := c.get(ctx, "SpotInstanceJob", namespace, name, &job); err != nil {
		return nil, err
	}
	if job.Kind != "SpotInstanceJob" || job.Name != name || job.UID == "" {
		return nil, fmt.Errorf("the answer for SpotInstanceJob %s/%s is a %q named %q", namespace, name, job.Kind, job.Name)
	}
	return &job, nil
}

// get reads one object of this operator's kinds.
func (c *Client) get(ctx context.Context, kind, namespace, name string, into any) error {
	body, err := c.api.CoreV1().RESTClient().Get().
		AbsPath("/apis", v1alpha1.GroupVersion.Group, v1alpha1.GroupVersion.Version, "namespaces", namespace, strings.ToLower(kind)+"s", name).
		SetHeader("Accept", "application/json").DoRaw(ctx)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(body, into); err != nil {
		return fmt.Errorf("decode %s %s/%s: %w", kind, namespace, name, err)
	}
	return nil
}

func wholeList(body []byte) ([]v1alpha1.SpotInstanceVM, error) {
	var list v1alpha1.SpotInstanceVMList
	if err := json.Unmarshal(body, &list); err != nil {
		return nil, fmt.Errorf("decode the answer: %w", err)
	}
	if list.Kind != "SpotInstanceVMList" || list.APIVersion != v1alpha1.GroupVersion.String() {
		return nil, fmt.Errorf("the answer is a %q of %q", list.Kind, list.APIVersion)
	}
	if list.Continue != "" {
		return nil, errors.New("the answer is only the first part of the list")
	}
	for _, pool := range list.Items {
		if pool.UID == "" {
			return nil, fmt.Errorf("%s/%s has no UID", pool.Namespace, pool.Name)
		}
	}
	return list.Items, nil
}
