package composite

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	utilerrors "k8s.io/apimachinery/pkg/util/errors"
	kjson "sigs.k8s.io/json"
)

// compositeController is a metacontroller.k8s.io/v1alpha1 CompositeController. It is sent to every hook
// under the key "controller", so field order and omissions are those of Metacontroller's own type.
type compositeController struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata"`

	Spec   controllerSpec `json:"spec"`
	Status struct{}       `json:"status"`
}

type controllerSpec struct {
	ParentResource      parentRule   `json:"parentResource"`
	ChildResources      []childRule  `json:"childResources,omitempty"`
	Hooks               *hooksOfSpec `json:"hooks,omitempty"`
	ResyncPeriodSeconds *int32       `json:"resyncPeriodSeconds,omitempty"`
	GenerateSelector    *bool        `json:"generateSelector,omitempty"`
}

// resourceRule names a resource by API version and lower-case plural.
type resourceRule struct {
	APIVersion string `json:"apiVersion"`
	Resource   string `json:"resource"`
}

type parentRule struct {
	resourceRule        `json:",inline"`
	LabelSelector       *metav1.LabelSelector `json:"labelSelector,omitempty"`
	IgnoreStatusChanges *bool                 `json:"ignoreStatusChanges,omitempty"`
}

type childRule struct {
	resourceRule   `json:",inline"`
	UpdateStrategy *updateStrategy `json:"updateStrategy,omitempty"`
}

// updateStrategy says what happens to a child that differs from the desired one. StatusChecks only gates
// rolling methods; it is kept because Metacontroller always sends it.
type updateStrategy struct {
	Method       string `json:"method,omitempty"`
	StatusChecks struct {
		Conditions []map[string]string `json:"conditions,omitempty"`
	} `json:"statusChecks"`
}

type hooksOfSpec struct {
	Customize *hook `json:"customize,omitempty"`
	Sync      *hook `json:"sync,omitempty"`
	Finalize  *hook `json:"finalize,omitempty"`
}

// hook is one endpoint. Version is "v1" (the default of the API) or "v2".
type hook struct {
	Version *string      `json:"version,omitempty"`
	Webhook *hookAddress `json:"webhook,omitempty"`
}

// hookAddress holds either a whole URL or a Service and a path.
type hookAddress struct {
	URL     *string          `json:"url,omitempty"`
	Timeout *metav1.Duration `json:"timeout,omitempty"`
	Path    *string          `json:"path,omitempty"`
	Service *serviceRef      `json:"service,omitempty"`

	ResponseUnmarshallMode *string `json:"responseUnMarshallMode,omitempty"`
}

type serviceRef struct {
	Name      string  `json:"name"`
	Namespace string  `json:"namespace"`
	Port      *int32  `json:"port,omitempty"`
	Protocol  *string `json:"protocol,omitempty"`
}

// decodeController reads a CompositeController and refuses every field that this driver does not host.
func decodeController(obj *unstructured.Unstructured) (*compositeController, error) {
	data, err := json.Marshal(obj)
	if err != nil {
		return nil, fmt.Errorf("encode CompositeController %s: %w", obj.GetName(), err)
	}
	cc := &compositeController{}
	unknown, err := kjson.UnmarshalStrict(data, cc)
	if err != nil {
		return nil, fmt.Errorf("decode CompositeController %s: %w", obj.GetName(), err)
	}
	if len(unknown) > 0 {
		return nil, fmt.Errorf("CompositeController %s uses fields that this driver does not host, run it under Metacontroller: %w",
			obj.GetName(), utilerrors.NewAggregate(unknown))
	}
	if cc.Spec.Hooks == nil {
		return nil, fmt.Errorf("CompositeController %s: no hooks defined", obj.GetName())
	}
	return cc, nil
}

// address returns the URL that the webhook is called at.
func (a *hookAddress) address() (string, error) {
	if a.URL != nil {
		return *a.URL, nil
	}
	if a.Service == nil || a.Path == nil {
		return "", errors.New("webhook needs either url, or both service and path")
	}
	if a.Service.Name == "" || a.Service.Namespace == "" {
		return "", errors.New("webhook.service needs both name and namespace")
	}
	protocol, port := "http", int32(80)
	if a.Service.Protocol != nil {
		protocol = *a.Service.Protocol
	}
	if a.Service.Port != nil {
		port = *a.Service.Port
	}
	return fmt.Sprintf("%s://%s.%s:%d%s", protocol, a.Service.Name, a.Service.Namespace, port, *a.Path), nil
}

// timeout returns the limit on one whole exchange with the hook: ten seconds unless a positive one is set.
func (a *hookAddress) timeout() time.Duration {
	if a.Timeout == nil || a.Timeout.Duration <= 0 {
		return 10 * time.Second
	}
	return a.Timeout.Duration
}

// methods returns the update method per child kind, whatever its version. Absent means OnDelete.
func (s *controllerSpec) methods(children []resource) map[schema.GroupKind]string {
	methods := map[schema.GroupKind]string{}
	for i, rule := range s.ChildResources {
		if rule.UpdateStrategy != nil {
			methods[children[i].gvk.GroupKind()] = rule.UpdateStrategy.Method
		}
	}
	return methods
}

func isSet(flag *bool) bool { return flag != nil && *flag }
