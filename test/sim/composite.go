package sim

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"time"

	"sigs.k8s.io/yaml"
)

// composite is one CompositeController of the manifests, as far as the model reads it.
type composite struct {
	name       string
	parentKind string
	childKinds []string      // in the order of their group keys
	finalizer  string        // empty: no finalize hook
	encoded    []byte        // the object, as it goes into each request
	resync     time.Duration // every parent is synced this often
	paths      struct{ customize, sync, finalize string }
}

// manifest is the shape of a CompositeController.
type manifest struct {
	Metadata struct {
		Name string `json:"name"`
	} `json:"metadata"`
	Spec struct {
		ParentResource struct {
			Resource string `json:"resource"`
		} `json:"parentResource"`
		ChildResources []struct {
			Resource string `json:"resource"`
		} `json:"childResources"`
		ResyncPeriodSeconds int `json:"resyncPeriodSeconds"`
		Hooks               map[string]struct {
			Webhook struct {
				URL string `json:"url"`
			} `json:"webhook"`
		} `json:"hooks"`
	} `json:"spec"`
}

// kinds are the kinds that hooks meet, by resource, and the group keys of their objects in requests.
var kinds = map[string]string{
	"spotinstancejobs": "SpotInstanceJob", "spotinstancevms": "SpotInstanceVM", "jobs": "Job", "pods": "Pod", "nodes": "Node",
	"checkpointbackups": "CheckpointBackup",
}

var groupKeys = map[string]string{
	"SpotInstanceJob": "SpotInstanceJob.training.training.dcnlab.com/v1alpha1", "SpotInstanceVM": "SpotInstanceVM.training.training.dcnlab.com/v1alpha1",
	"Job": "Job.batch/v1", "Pod": "Pod.v1", "Node": "Node.v1", "CheckpointBackup": "CheckpointBackup.migration.dcnlab.com/v1",
}

// composites reads the CompositeControllers that are installed on clusters.
var composites = sync.OnceValues(func() ([]composite, error) {
	_, here, _, _ := runtime.Caller(0)
	data, err := os.ReadFile(filepath.Join(filepath.Dir(here), "../../manifests/30-compositecontrollers.yaml"))
	if err != nil {
		return nil, fmt.Errorf("read the CompositeControllers: %w", err)
	}
	var all []composite
	for document := range strings.SplitSeq(string(data), "\n---\n") {
		c, err := compositeOf([]byte(document))
		if err != nil {
			return nil, err
		}
		all = append(all, c)
	}
	return all, nil
})

func compositeOf(document []byte) (composite, error) {
	encoded, err := yaml.YAMLToJSON(document)
	if err != nil {
		return composite{}, fmt.Errorf("CompositeController: %w", err)
	}
	var m manifest
	if err := json.Unmarshal(encoded, &m); err != nil {
		return composite{}, fmt.Errorf("CompositeController: %w", err)
	}
	c := composite{name: m.Metadata.Name, parentKind: kinds[m.Spec.ParentResource.Resource], encoded: encoded}
	for _, child := range m.Spec.ChildResources {
		c.childKinds = append(c.childKinds, kinds[child.Resource])
	}
	c.resync = flushInterval
	if seconds := m.Spec.ResyncPeriodSeconds; seconds > 0 {
		c.resync = time.Duration(seconds) * time.Second
	}
	path := func(hook string) string {
		_, rest, _ := strings.Cut(strings.TrimPrefix(m.Spec.Hooks[hook].Webhook.URL, "http://"), "/")
		return "/" + rest
	}
	c.paths.customize, c.paths.sync, c.paths.finalize = path("customize"), path("sync"), path("finalize")
	if _, has := m.Spec.Hooks["finalize"]; has {
		c.finalizer = "metacontroller.io/compositecontroller-" + c.name
	}
	return c, nil
}
