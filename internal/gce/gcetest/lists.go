package gcetest

import (
	"fmt"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lehuannhatrang/spot-instance-training-operator/internal/gce"
	"github.com/lehuannhatrang/spot-instance-training-operator/internal/gce/gcefake"
)

var lists = map[string]func(*world){
	"a zone has its own VMs only, on as many pages as it takes": func(w *world) {
		for i := range 5 {
			w.insert(fmt.Sprintf("vm-%d", i), zoneA)
		}
		w.insert("elsewhere", zoneB)
		got := w.names(w.cloud.Instances(w.Context(), zoneA, nil))
		assert.Equal(w, []string{"vm-0", "vm-1", "vm-2", "vm-3", "vm-4"}, got)
	},
	"the project has the VMs of all zones": func(w *world) {
		w.insert("vm-1", zoneA)
		w.insert("vm-2", zoneA)
		w.insert("vm-3", zoneA)
		w.insert("vm-4", west)
		unlike := w.spec("vm-5", zoneB)
		unlike.Labels = nil
		_, err := w.cloud.Insert(w.Context(), unlike, request())
		require.NoError(w, err)
		found, err := w.cloud.AllInstances(w.Context(), map[string]string{"spec": "a1b2"})
		assert.ElementsMatch(w, []string{"vm-1", "vm-2", "vm-3", "vm-4"}, w.names(found, err))
		for _, vm := range found {
			if vm.Name == "vm-4" {
				assert.Equal(w, west, vm.Zone)
			}
		}
		all, err := w.cloud.AllInstances(w.Context(), nil)
		assert.Len(w, w.names(all, err), 5)
	},
	"one VM is read by its name alone": func(w *world) {
		unlike := w.spec("vm-1", zoneA)
		unlike.Labels = nil
		_, err := w.cloud.Insert(w.Context(), unlike, request())
		require.NoError(w, err)
		listed, err := w.cloud.Instances(w.Context(), zoneA, nil)
		require.NoError(w, err)
		vm, err := w.cloud.Instance(w.Context(), zoneA, "vm-1")
		require.NoError(w, err)
		assert.Equal(w, []gce.Instance{vm}, listed)
		for name, zone := range map[string]string{"vm-1": zoneB, "vm-2": zoneA} {
			_, err = w.cloud.Instance(w.Context(), zone, name)
			assert.Equal(w, "get "+name+" in "+zone, w.failure(gce.NotFound, err).Call)
		}
	},
	"other projects are other worlds": func(w *world) {
		_, err := w.fake.Cloud("another-project").Insert(w.Context(), w.spec("theirs", zoneA), request())
		require.NoError(w, err)
		found, err := w.cloud.AllInstances(w.Context(), nil)
		assert.Empty(w, w.names(found, err))
		ops := w.operations(zoneA)
		assert.Empty(w, ops)
	},
	"a partial list is an error": func(w *world) {
		w.insert("vm-1", zoneA)
		w.insert("vm-2", zoneA)
		w.fake.When(gcefake.Call{Zone: zoneA}, gcefake.Partial())
		_, err := w.cloud.Instances(w.Context(), zoneA, nil)
		w.requireKind(gce.Unavailable, err)
		_, err = w.cloud.AllInstances(w.Context(), nil)
		w.requireKind(gce.Unavailable, err)
		stop := w.fake.When(gcefake.Call{Method: gcefake.ListAllInstances}, gcefake.Partial())
		_, err = w.cloud.AllInstances(w.Context(), nil)
		w.requireKind(gce.Unavailable, err)
		stop()
		_, err = w.cloud.Operations(w.Context(), zoneA, w.clock.Now())
		w.requireKind(gce.Unavailable, err)
		_, err = w.cloud.Instances(w.Context(), zoneB, nil)
		assert.NoError(w, err, "other zones answer")
	},
}

func (w *world) names(found []gce.Instance, err error) []string {
	w.Helper()
	require.NoError(w, err)
	var names []string
	for _, vm := range found {
		names = append(names, vm.Name)
	}
	return names
}
