package spotinstancejob

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
)

// TestCheckpointsMayNotRestore has what a checkpoint does not hold, and what is no reason for a warning.
func TestCheckpointsMayNotRestore(t *testing.T) {
	const trainer = `name: trainer, image: "acme/train:1"`
	mounts := func(mount, volume string) string {
		return fmt.Sprintf(`{containers: [{%s, volumeMounts: [%s]}], volumes: [%s]}`, trainer, mount, volume)
	}
	const data, ro = `{name: data, mountPath: /data}`, `{name: data, mountPath: /data, readOnly: true}`
	for name, c := range map[string]struct {
		pod  string
		says []string // empty: no warning
	}{
		"emptyDir":                      {mounts(data, `{name: data, emptyDir: {}}`), []string{"spec.jobTemplate.spec.template.spec.volumes[0]", "emptyDir data", "container trainer", "at /data", "PersistentVolumeClaim"}},
		"memory at /dev/shm":            {mounts(`{name: shm, mountPath: /dev/shm}`, `{name: shm, emptyDir: {medium: Memory}}`), []string{"volumes[0]", "/dev/shm"}},
		"a volume without a source":     {mounts(data, `{name: data}`), []string{"emptyDir data"}},
		"an ephemeral volume":           {mounts(data, `{name: data, ephemeral: {volumeClaimTemplate: {spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}}}}`), []string{"ephemeral volume data"}},
		"a directory of the VM":         {mounts(data, `{name: data, hostPath: {path: /mnt}}`), []string{"hostPath data"}},
		"the second of two volumes":     {mounts(data, `{name: x, configMap: {name: x}}, {name: data, emptyDir: {}}`), []string{"volumes[1]"}},
		"hostIPC":                       {`{hostIPC: true, containers: [{` + trainer + `}]}`, []string{"spec.jobTemplate.spec.template.spec.hostIPC", "remove it"}},
		"one process namespace":         {`{shareProcessNamespace: true, containers: [{` + trainer + `}]}`, []string{"template.spec.shareProcessNamespace", "remove it"}},
		"two containers":                {`{containers: [{` + trainer + `}, {name: b, image: b}]}`, []string{"template.spec.containers", "2 containers", "spec.criu.tcp"}},
		"a sidecar":                     {`{initContainers: [{name: b, image: b, restartPolicy: Always}], containers: [{` + trainer + `}]}`, []string{"2 containers"}},
		"several":                       {`{hostIPC: true, shareProcessNamespace: true, containers: [{` + trainer + `}, {name: b, image: b}]}`, []string{"hostIPC", "shareProcessNamespace", "2 containers"}},
		"a read-only mount":             {mounts(ro, `{name: data, emptyDir: {}}`), nil},
		"a volume that nobody mounts":   {mounts(``, `{name: data, emptyDir: {}}`), nil},
		"a claim":                       {mounts(data, `{name: data, persistentVolumeClaim: {claimName: data}}`), nil},
		"a ConfigMap":                   {mounts(data, `{name: data, configMap: {name: data}}`), nil},
		"a Secret":                      {mounts(data, `{name: data, secret: {secretName: data}}`), nil},
		"the downward API":              {mounts(data, `{name: data, downwardAPI: {}}`), nil},
		"projected":                     {mounts(data, `{name: data, projected: {sources: []}}`), nil},
		"NFS":                           {mounts(data, `{name: data, nfs: {server: s, path: /}}`), nil},
		"an image":                      {mounts(data, `{name: data, image: {reference: r}}`), nil},
		"a device of the VM":            {mounts(data, `{name: data, hostPath: {path: /dev/nvidia0, type: CharDevice}}`), nil},
		"only an init container writes": {`{initContainers: [{name: i, image: i, volumeMounts: [` + data + `]}], containers: [{` + trainer + `}], volumes: [{name: data, emptyDir: {}}]}`, nil},
		"hostNetwork":                   {`{hostNetwork: true, containers: [{` + trainer + `}]}`, nil},
		"separate process namespaces":   {`{shareProcessNamespace: false, containers: [{` + trainer + `}]}`, nil},
		"nothing of it":                 {`{containers: [{` + trainer + `}]}`, nil},
	} {
		t.Run(name, func(t *testing.T) {
			o, d := given(podOf(t, c.pod)).decide(t)
			require.Nil(t, o.invalid)
			message := messageOf(d, v1alpha1.ConditionCheckpointsMayNotRestore)
			for _, says := range c.says {
				assert.Contains(t, message, says)
			}
			if len(c.says) == 0 {
				assert.Contains(t, message, "no condition")
			}
			assert.Len(t, d.attempts, 2, "the training goes on")
		})
	}
}

// TestConnectionsThatThePoolTakesCareOf: no warning of what the pool's spec.criu.tcp answers.
func TestConnectionsThatThePoolTakesCareOf(t *testing.T) {
	tcp := func(w *world) { w.pool.Spec.CRIU = &v1alpha1.CRIUConfig{TCP: v1alpha1.CRIUTCPEstablished} }
	_, d := given(tcp, podOf(t, `{hostIPC: true, containers: [{name: a, image: a}, {name: b, image: b}]}`)).decide(t)
	message := messageOf(d, v1alpha1.ConditionCheckpointsMayNotRestore)
	assert.Contains(t, message, "hostIPC")
	assert.NotContains(t, message, "containers run together")
}

// TestWarningStaysShort: a template may have any number of volumes.
func TestWarningStaysShort(t *testing.T) {
	mounts, volumes := "", ""
	for i := range 100 {
		mounts += fmt.Sprintf("{name: v%d, mountPath: /v%d},", i, i)
		volumes += fmt.Sprintf("{name: v%d, emptyDir: {}},", i)
	}
	_, d := given(podOf(t, `{containers: [{name: t, image: t, volumeMounts: [`+mounts+`]}], volumes: [`+volumes+`]}`)).decide(t)
	message := messageOf(d, v1alpha1.ConditionCheckpointsMayNotRestore)
	assert.Contains(t, message, "and 96 more")
	assert.Less(t, len(message), 2000)
}
