package kube

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

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
	body, err := c.api.CoreV1().RESTClient().Get().
		AbsPath("/apis", v1alpha1.GroupVersion.Group, v1alpha1.GroupVersion.Version, "namespaces", namespace, "spotinstancevms", name).
		SetHeader("Accept", "application/json").DoRaw(ctx)
	if err != nil {
		return nil, err
	}
	var pool v1alpha1.SpotInstanceVM
	if err := json.Unmarshal(body, &pool); err != nil {
		return nil, fmt.Errorf("decode SpotInstanceVM %s/%s: %w", namespace, name, err)
	}
	if pool.Kind != "SpotInstanceVM" || pool.Name != name || pool.UID == "" {
		return nil, fmt.Errorf("the answer for SpotInstanceVM %s/%s is a %q named %q", namespace, name, pool.Kind, pool.Name)
	}
	return &pool, nil
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
