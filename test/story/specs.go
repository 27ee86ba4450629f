package story

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
)

// PoolOf is the pool that `pool NAME` describes, with the API's defaults, which not every world sets: zones=a,b,
// replicas, min, max, model, fallback, notice, max-run, join-timeout, idle.
func PoolOf(c Command, at Place) (*v1alpha1.SpotInstanceVM, error) {
	o := &Options{Command: c}
	var zones []string
	for zone := range strings.SplitSeq(o.Text("zones", "a"), ",") {
		zones = append(zones, at.Zone(zone))
	}
	yes := true
	pool := &v1alpha1.SpotInstanceVM{
		TypeMeta:   metav1.TypeMeta{APIVersion: v1alpha1.GroupVersion.String(), Kind: "SpotInstanceVM"},
		ObjectMeta: metav1.ObjectMeta{Namespace: at.Namespace, Name: o.TheName()},
		Spec: v1alpha1.SpotInstanceVMSpec{
			VMImage: "projects/" + at.Project + "/global/images/family/gpu",
			GPU:     &v1alpha1.GPUConfig{Type: "nvidia-l4", Count: 1},
			GCP: v1alpha1.GCPConfig{
				Project: at.Project, Zone: zones[0], Zones: zones[1:], MachineType: "g2-standard-4", DiskSizeGB: 100, ExternalIP: &yes,
			},
			MinReplicas: o.Number("min", 0), MaxReplicas: o.Number("max", 10),
			ProvisioningModel: v1alpha1.ProvisioningModel(o.Text("model", "Spot")),
			PreemptionNotice:  o.Duration("notice", 2*time.Minute), MaxRunDuration: o.Duration("max-run", 168*time.Hour),
			FallbackAfter: o.Duration("fallback", 10*time.Minute),
			JoinTimeout:   o.Duration("join-timeout", 15*time.Minute), IdleTimeout: o.Duration("idle", 5*time.Minute),
		},
	}
	if _, given := c.Options["replicas"]; given {
		pool.Spec.Replicas = o.Number("replicas", 0)
	}
	return pool, o.Err
}

// JobOf is the job that `job NAME` describes, with the API's defaults: pool, replicas, interval (1h unless given; or auto), retain,
// timeout, on-preemption, and of its program work, fail-after, sigterm=exit0, backoff-limit.
func JobOf(c Command, at Place) (*v1alpha1.SpotInstanceJob, error) {
	o := &Options{Command: c}
	job := &v1alpha1.SpotInstanceJob{
		TypeMeta:   metav1.TypeMeta{APIVersion: v1alpha1.GroupVersion.String(), Kind: "SpotInstanceJob"},
		ObjectMeta: metav1.ObjectMeta{Namespace: at.Namespace, Name: o.TheName()},
		Spec: v1alpha1.SpotInstanceJobSpec{
			Replicas:          o.Number("replicas", 2),
			SpotInstanceVMRef: corev1.LocalObjectReference{Name: o.Text("pool", "pool")},
			JobTemplate:       o.template(),
			CheckpointConfig: v1alpha1.CheckpointConfig{
				CheckpointImageRepo: "docker.io/" + at.Project + "/" + o.TheName(),
				CheckpointInterval:  o.interval(),
				Retain:              o.Number("retain", 3), Timeout: o.Duration("timeout", 15*time.Minute),
				OnPreemption: v1alpha1.PreemptionCheckpoint(o.Text("on-preemption", "Auto")),
			},
		},
	}
	return job, o.Err
}

// interval is that of checkpoints: auto, or a duration.
func (o *Options) interval() v1alpha1.CheckpointInterval {
	if o.Options["interval"] == "auto" {
		return v1alpha1.CheckpointInterval{Auto: true}
	}
	return v1alpha1.CheckpointInterval{Duration: o.Duration("interval", time.Hour).Duration}
}

// template is the user's Job. In both worlds its program does what these annotations say.
func (o *Options) template() runtime.RawExtension {
	annotations := map[string]string{}
	if _, given := o.Options["work"]; given {
		annotations["lab.training.dcnlab.com/train-seconds"] = fmt.Sprint(o.Duration("work", 0).Seconds())
	}
	if _, given := o.Options["fail-after"]; given {
		annotations["lab.training.dcnlab.com/fail-after"] = fmt.Sprint(o.Duration("fail-after", 0).Seconds())
	}
	if o.Options["sigterm"] != "" {
		annotations["lab.training.dcnlab.com/sigterm"] = o.Options["sigterm"]
	}
	spec := map[string]any{"template": map[string]any{
		"metadata": map[string]any{"annotations": annotations},
		"spec": map[string]any{
			"restartPolicy": "Never",
			"containers": []any{map[string]any{
				"name": "trainer", "image": "docker.io/acme/resnet:v1",
				"resources": map[string]any{"limits": map[string]any{"nvidia.com/gpu": 1}},
			}},
		},
	}}
	if _, given := o.Options["backoff-limit"]; given {
		spec["backoffLimit"] = *o.Number("backoff-limit", 6)
	}
	raw, err := json.Marshal(map[string]any{"spec": spec})
	if err != nil {
		panic(err) // maps of strings and numbers always encode
	}
	return runtime.RawExtension{Raw: raw}
}
