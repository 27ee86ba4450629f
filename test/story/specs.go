package story

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
)

// PoolOf is the pool that `pool NAME` describes, with the API's defaults, which not every world sets: zones=a,b,
// replicas, min, max, model, fallback, notice, max-run, join-timeout, idle, and of its VMs machine, disk, gpu, gpus.
func PoolOf(c Command, at Place) (*v1alpha1.SpotInstanceVM, error) {
	o := &Options{Command: c}
	yes := true
	pool := &v1alpha1.SpotInstanceVM{
		TypeMeta:   metav1.TypeMeta{APIVersion: v1alpha1.GroupVersion.String(), Kind: "SpotInstanceVM"},
		ObjectMeta: metav1.ObjectMeta{Namespace: at.Namespace, Name: o.TheName()},
		Spec: v1alpha1.SpotInstanceVMSpec{
			VMImage: "projects/" + at.Project + "/global/images/family/gpu",
			GPU:     &v1alpha1.GPUConfig{Type: "nvidia-l4", Count: 1},
			GCP: v1alpha1.GCPConfig{
				Project: at.Project, Zone: at.Zone("a"), MachineType: "g2-standard-4", DiskSizeGB: 100, ExternalIP: &yes,
			},
			MinReplicas: o.Number("min", 0), MaxReplicas: new(int32(10)), IdleTimeout: &metav1.Duration{Duration: 5 * time.Minute},
			ProvisioningModel: v1alpha1.ProvisioningModel(o.Text("model", "Spot")),
			PreemptionNotice:  o.Duration("notice", 2*time.Minute), MaxRunDuration: o.Duration("max-run", 168*time.Hour),
			FallbackAfter: o.Duration("fallback", 10*time.Minute),
			JoinTimeout:   o.Duration("join-timeout", 15*time.Minute),
		},
	}
	o.edit(&pool.Spec, at)
	if _, given := c.Options["replicas"]; given {
		pool.Spec.Replicas = o.Number("replicas", 0)
	}
	return pool, o.Err
}

// EditPool changes a pool as `edit-pool NAME` says: zones, max, idle, machine, disk, gpu, gpus. VMs that exist stay as they are.
func EditPool(c Command, at Place, spec *v1alpha1.SpotInstanceVMSpec) error {
	o := &Options{Command: c}
	o.edit(spec, at)
	return o.Err
}

// edit sets what can be edited, as far as it is given.
func (o *Options) edit(spec *v1alpha1.SpotInstanceVMSpec, at Place) {
	spec.MaxReplicas = o.Number("max", *spec.MaxReplicas)
	spec.IdleTimeout = o.Duration("idle", spec.IdleTimeout.Duration)
	spec.GCP.MachineType = o.Text("machine", spec.GCP.MachineType)
	spec.GCP.DiskType = o.Text("disk", spec.GCP.DiskType)
	spec.GPU = &v1alpha1.GPUConfig{Type: o.Text("gpu", spec.GPU.Type), Count: *o.Number("gpus", spec.GPU.Count)}
	if o.Options["zones"] == "" {
		return
	}
	var zones []string
	for zone := range strings.SplitSeq(o.Options["zones"], ",") {
		zones = append(zones, at.Zone(zone))
	}
	spec.GCP.Zone, spec.GCP.Zones = zones[0], zones[1:]
}

// JobOf is the job that `job NAME` describes, with the API's defaults: pool, replicas, interval (1h unless given; or auto), retain,
// timeout, on-preemption, method (Application: the program saves itself; interval, retain, timeout and on-preemption are left out then), gpus and
// selector=LABEL:VALUE of each pod, and of its program work, fail-after, sigterm=exit0 or ignored, shm=yes (it has a file open in /dev/shm), backoff-limit.
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
				Method:              v1alpha1.CheckpointContainer,
				CheckpointImageRepo: "docker.io/" + at.Project + "/" + o.TheName(),
				CheckpointInterval:  o.interval(),
				Retain:              o.Number("retain", 3), Timeout: o.Duration("timeout", 15*time.Minute),
				OnPreemption: v1alpha1.PreemptionCheckpoint(o.Text("on-preemption", "Auto")),
			},
		},
	}
	if method := v1alpha1.CheckpointMethod(o.Text("method", "")); method == v1alpha1.CheckpointApplication {
		job.Spec.CheckpointConfig = v1alpha1.CheckpointConfig{Method: method}
		job.Spec.Replicas = o.Number("replicas", 1)
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
	trainer := map[string]any{
		"name": "trainer", "image": "docker.io/acme/resnet:v1",
		"resources": map[string]any{"limits": map[string]any{"nvidia.com/gpu": *o.Number("gpus", 1)}},
	}
	pod := map[string]any{"restartPolicy": "Never", "containers": []any{trainer}}
	if label, value, given := strings.Cut(o.Options["selector"], ":"); given {
		pod["nodeSelector"] = map[string]any{label: value}
	}
	if o.Options["shm"] == "yes" {
		trainer["volumeMounts"] = []any{map[string]any{"name": "shm", "mountPath": "/dev/shm"}}
		pod["volumes"] = []any{map[string]any{"name": "shm", "emptyDir": map[string]any{"medium": "Memory"}}}
	}
	spec := map[string]any{"template": map[string]any{
		"metadata": map[string]any{"annotations": annotations}, "spec": pod,
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

// NodeOf is the Node that `node NAME` describes, which a user has brought and labelled: pool, gpus. Its name is the cluster's, so
// the namespace is part of it. That it is Ready is for its kubelet to say.
func NodeOf(c Command, at Place) (*corev1.Node, error) {
	o := &Options{Command: c}
	name := at.node(o.TheName())
	resources := corev1.ResourceList{
		corev1.ResourceCPU: resource.MustParse("96"), corev1.ResourceMemory: resource.MustParse("500Gi"), corev1.ResourcePods: resource.MustParse("110"),
		"nvidia.com/gpu": *resource.NewQuantity(int64(*o.Number("gpus", 1)), resource.DecimalSI),
	}
	return &corev1.Node{
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Node"},
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{
			corev1.LabelHostname: name, v1alpha1.LabelPool: v1alpha1.PoolID(at.Namespace, o.Text("pool", "pool")),
		}},
		Status: corev1.NodeStatus{Capacity: resources, Allocatable: resources},
	}, o.Err
}
