package kube

import (
	"context"
	"encoding/json"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
)

// resources are those of the kinds that Events are about.
func resources() map[string]string {
	return map[string]string{"SpotInstanceVM": "spotinstancevms", "SpotInstanceJob": "spotinstancejobs"}
}

// ProvenEvent records an Event about a SpotInstanceVM or a SpotInstanceJob, if the API server has that object, by its UID: whoever
// reaches the hooks' port can tell of any. The object comes from the API server's cache, and only its metadata.
func (c *Client) ProvenEvent(ctx context.Context, event corev1.Event) error {
	about := event.InvolvedObject
	resource, known := resources()[about.Kind]
	if !known {
		return fmt.Errorf("an Event about a %s is not written", about.Kind)
	}
	body, err := c.api.CoreV1().RESTClient().Get().
		AbsPath("/apis", v1alpha1.GroupVersion.Group, v1alpha1.GroupVersion.Version, "namespaces", about.Namespace, resource, about.Name).
		Param("resourceVersion", "0").
		SetHeader("Accept", "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1").DoRaw(ctx)
	if err != nil {
		return err
	}
	var found metav1.PartialObjectMetadata
	if err := json.Unmarshal(body, &found); err != nil {
		return fmt.Errorf("decode the metadata of %s %s/%s: %w", about.Kind, about.Namespace, about.Name, err)
	}
	if found.UID == "" || found.UID != about.UID {
		return fmt.Errorf("the API server's %s %s/%s has another UID", about.Kind, about.Namespace, about.Name)
	}
	return c.Event(ctx, event)
}
