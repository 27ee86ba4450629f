package install

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
)

// With another update strategy the short answer for a child that exists would wipe it or delete it. So nothing is answered.
func TestOtherUpdateStrategiesChangeNothing(t *testing.T) {
	for _, strategy := range []string{"InPlace", "Recreate"} {
		t.Run(strategy, func(t *testing.T) {
			s := begin(t)
			s.train()
			s.says("both replicas train", "2", "get", "sij/resnet", "--output=jsonpath={.status.activeReplicas}")
			const untouched = `--output=jsonpath={range .items[*]}{.metadata.uid} {.metadata.generation} {.metadata.labels} {.metadata.annotations} {.spec}{"\n"}{end}`
			before := s.kubectl("get", "jobs", untouched)

			s.kubectl("patch", "compositecontroller/spotinstancejob", "--type=json", `--patch=[
				{"op": "replace", "path": "/spec/childResources/0/updateStrategy/method", "value": "`+strategy+`"},
				{"op": "replace", "path": "/spec/childResources/1/updateStrategy/method", "value": "`+strategy+`"}]`)
			t.Cleanup(func() {
				_, err := lab.Kubectl(context.WithoutCancel(t.Context()), "apply", "--filename="+controllers)
				assert.NoError(t, err)
			})
			s.says("an event tells", "updateStrategy must be OnDelete",
				"get", "events", "--field-selector=reason=SyncError,involvedObject.kind=SpotInstanceJob", "--output=jsonpath={.items[*].message}")
			s.kubectl("scale", "sij/resnet", "--replicas=1")
			s.says("the edit is seen and refused too", "2", "get", "sij/resnet", "--output=jsonpath={.status.activeReplicas}")
			assert.Equal(t, before, s.kubectl("get", "jobs", untouched))

			s.kubectl("apply", "--filename="+controllers)
			s.says("the edit is carried out once that is mended", "1", "get", "sij/resnet", "--output=jsonpath={.status.activeReplicas}")
			s.end()
		})
	}
}
