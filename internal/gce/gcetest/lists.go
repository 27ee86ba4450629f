package gcetest

import (
	"fmt"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lehuannhatrang/spot-instance-training-operator/internal/gce"
	"github.com/lehuannhatrang/spot-instance-training-operator/internal/gce/gcefake"
)

var lists = map[string]func(*world){
	"an empty zone is no error": func(w *world) {
		found, err := w.cloud.Instances(w.Context(), zoneA, nil)
		require.NoError(w, err)
		assert.Empty(w, found)
	},
	"all labels have to match": func(w *world) {
		for name, labels := range map[string]map[string]string{
			"both": {"pool": "p1", "owner": "o1"}, "one": {"pool": "p1"}, "other": {"pool": "p1", "owner": "o2"}, "none": nil,
		} {
			spec := w.spec(name, zoneA)
			spec.Labels = labels
			_, err := w.cloud.Insert(w.Context(), spec, request())
			require.NoError(w, err)
		}
		assert.Equal(w, []string{"both"}, w.names(w.cloud.Instances(w.Context(), zoneA, map[string]string{"pool": "p1", "owner": "o1"})))
		assert.Equal(w, []string{"both", "one", "other"}, w.names(w.cloud.Instances(w.Context(), zoneA, map[string]string{"pool": "p1"})))
		assert.Empty(w, w.names(w.cloud.Instances(w.Context(), zoneA, map[string]string{"pool": "p2"})))
	},
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
	"a zone that does not exist is the caller's mistake": func(w *world) {
		_, err := w.cloud.Instances(w.Context(), "mars-north1-a", nil)
		w.requireKind(gce.Invalid, err)
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
