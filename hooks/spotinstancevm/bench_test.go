package spotinstancevm_test

import (
	"fmt"
	"testing"
	"time"

	json "github.com/go-json-experiment/json/v1"
	"github.com/stretchr/testify/require"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
	"github.com/lehuannhatrang/spot-instance-training-operator/internal/hooktest"
	"github.com/lehuannhatrang/spot-instance-training-operator/internal/webhook"
)

// BenchmarkSync is a sync of a pool at rest: each VM has a kubelet-size Node, and runs a pod of a Job of its own. The list of
// the zone is in the hook's cache, so nothing but the hook is timed.
func BenchmarkSync(b *testing.B) {
	for _, vms := range []int{10, 100, 1000} {
		w := newWorld(b, fixed(int32(vms)), func(p *v1alpha1.SpotInstanceVM) { most := int32(vms); p.Spec.MaxReplicas = &most })
		w.run(time.Duration(vms/20+3) * 10 * time.Second)
		require.Equal(b, int32(vms), w.pool.Status.ReadyReplicas)
		body := w.recorded(vms)
		b.Run(fmt.Sprintf("handler/vms=%d", vms), func(b *testing.B) { hooktest.Serve(b, w.handler, "/sync", body) })
		b.Run(fmt.Sprintf("decide+render/vms=%d", vms), func(b *testing.B) {
			var request webhook.Request[v1alpha1.SpotInstanceVM]
			require.NoError(b, json.Unmarshal(body, &request))
			pure, err := w.hook.Pure(&request)
			require.NoError(b, err)
			require.Equal(b, int32(vms), pure().Status.(v1alpha1.SpotInstanceVMStatus).ReadyReplicas)
			hooktest.Percentiles(b, func() { pure() })
		})
	}
}

// recorded is a request of the lab's size, of this world's VMs.
func (w *world) recorded(vms int) []byte {
	w.Helper()
	r := hooktest.ReadRecording(w, "pool-sync")
	node := r.One("related", "Node.v1")
	hooktest.AddImages(node)
	meta := node["metadata"].(map[string]any)
	labels := meta["labels"].(map[string]any)
	job := r.One("related", "Job.batch/v1")["metadata"].(map[string]any)
	pod := r.One("related", "Pod.v1")["metadata"].(map[string]any)
	differ := func(i int) map[string]string {
		return map[string]string{
			fmt.Sprint(node["spec"].(map[string]any)["providerID"]): fmt.Sprintf("gce://%s/%s/%s", project, zoneA, w.vm(i)),
			fmt.Sprint(meta["name"]):                                w.vm(i),
			fmt.Sprint(meta["uid"]):                                 fmt.Sprintf("00000000-0000-0000-0001-%012d", i),
			fmt.Sprint(labels[v1alpha1.LabelPool]):                  v1alpha1.PoolID(w.pool.Namespace, w.pool.Name),
			fmt.Sprint(labels[v1alpha1.LabelPoolUID]):               string(w.pool.UID),
			fmt.Sprint(job["namespace"]):                            w.pool.Namespace,
			fmt.Sprint(job["uid"]):                                  fmt.Sprintf("00000000-0000-0000-0002-%012d", i),
			fmt.Sprint(pod["uid"]):                                  fmt.Sprintf("00000000-0000-0000-0003-%012d", i),
			fmt.Sprint(job["name"]):                                 fmt.Sprintf("resnet-a5f757-r%d-a1", i),
			fmt.Sprint(pod["name"]):                                 fmt.Sprintf("resnet-a5f757-r%d-a1-abcde", i),
			`"training.dcnlab.com/replica":"0"`:                     fmt.Sprintf(`"training.dcnlab.com/replica":"%d"`, i),
		}
	}
	for _, group := range []string{"Job.batch/v1", "Pod.v1", "Node.v1"} {
		r.Multiply("related", group, vms, differ)
	}
	parent := r.Parent()
	parent["metadata"].(map[string]any)["name"] = w.pool.Name
	parent["metadata"].(map[string]any)["namespace"] = w.pool.Namespace
	parent["metadata"].(map[string]any)["uid"] = string(w.pool.UID)
	parent["spec"], parent["status"] = w.pool.Spec, w.pool.Status
	return r.Body()
}
