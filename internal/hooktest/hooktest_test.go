package hooktest

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func parse(t *testing.T, text string) object {
	t.Helper()
	var o object
	require.NoError(t, json.Unmarshal([]byte(text), &o))
	return o
}

func TestMergeIsAMergePatchOnACopy(t *testing.T) {
	into := parse(t, `{"a":{"b":1,"c":[1,2]},"d":4}`)
	got := merge(into, parse(t, `{"a":{"b":null,"c":[3],"e":{"f":5}}}`))
	assert.Equal(t, parse(t, `{"a":{"c":[3],"e":{"f":5}},"d":4}`), got)
	assert.Equal(t, parse(t, `{"a":{"b":1,"c":[1,2]},"d":4}`), into)
}

func TestNullsAreFoundAnywhere(t *testing.T) {
	assert.Empty(t, nulls("x", parse(t, `{"a":[{"b":0}],"c":""}`)))
	assert.ElementsMatch(t, []string{"x.a[1]", "x.a[0].b", "x.c"}, nulls("x", parse(t, `{"a":[{"b":null},null],"c":null}`)))
}

func TestShuffleKeepsTheFactsAndChangesTheOrder(t *testing.T) {
	const text = `{"conditions":[1,2,3,4,5,6],"containers":[1,2,3,4,5,6],"z":1}`
	orders := map[string]bool{}
	for seed := range uint64(20) {
		shuffled := shuffle(t, parse(t, text), seed)
		orders[string(shuffled)] = true
		got := parse(t, string(shuffled))
		assert.Equal(t, parse(t, text)["containers"], got["containers"], "their order means something")
		assert.ElementsMatch(t, parse(t, text)["conditions"], got["conditions"])
	}
	assert.Greater(t, len(orders), 10)
}

func TestASchemaRefusesWhatWouldBePrunedOrIsInvalid(t *testing.T) {
	schema := LoadSchema(t, "../../crds/training.training.dcnlab.com_spotinstancejobs.yaml")
	const sound = `{"spec":{"spotInstanceVMRef":{"name":"p"},"jobTemplate":{"any":1},"checkpointConfig":{"checkpointImageRepo":"a/b","checkpointInterval":"30m"}}`
	assert.Empty(t, schema.Refuses(parse(t, sound+`,"status":{"phase":"Running","activeReplicas":2}}`)))
	assert.NotEmpty(t, schema.Refuses(parse(t, sound+`,"status":{"phaze":"Running"}}`)), "pruned")
	assert.NotEmpty(t, schema.Refuses(parse(t, sound+`,"status":{"phase":"Walking"}}`)), "not in the enum")
	assert.NotEmpty(t, schema.Refuses(parse(t, `{"spec":{}}`)), "required")
}

func TestObjectsAreFiledUnderTheirGroup(t *testing.T) {
	assert.Equal(t, "Pod.v1", Kind{APIVersion: "v1", Kind: "Pod"}.group())
	assert.Equal(t, "Job.batch/v1", Kind{APIVersion: "batch/v1", Kind: "Job"}.group())
	kinds := []Kind{{APIVersion: "v1", Kind: "Pod"}, {APIVersion: "v1", Kind: "Node"}, {APIVersion: "batch/v1", Kind: "Job"}}
	pod := parse(t, `{"apiVersion":"v1","kind":"Pod","metadata":{"namespace":"ml","name":"a"}}`)
	node := parse(t, `{"apiVersion":"v1","kind":"Node","metadata":{"name":"n"}}`)
	assert.Equal(t, object{"Pod.v1": object{"ml/a": pod}, "Node.v1": object{"n": node}, "Job.batch/v1": object{}}, groups(kinds, []object{pod, node}))
}
