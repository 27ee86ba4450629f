package hooktest

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// response is an answer as Metacontroller reads it: strictly.
type response struct {
	Status             object   `json:"status"`
	Children           []object `json:"children"`
	ResyncAfterSeconds float64  `json:"resyncAfterSeconds"`
	Finalized          bool     `json:"finalized"`
}

// mostRounds is how many answers it may take until nothing changes any more.
const mostRounds = 5

// checkLaws holds the hook to what must be true of every story.
func (c call) checkLaws(t *testing.T, request Request, answer []byte) {
	t.Helper()
	sent := c.suite.grouped(request)
	for seed := range uint64(5) {
		shuffled := shuffle(t, sent, seed)
		require.Equal(t, string(answer), string(c.do(t, shuffled)), "the same facts in another order")
		require.Equal(t, string(answer), string(c.do(t, shuffled)), "the same facts again")
	}
	first := c.checkAnswer(t, request, answer)
	c.checkSettles(t, request, first)
}

// checkAnswer holds for each answer by itself.
func (c call) checkAnswer(t *testing.T, request Request, answer []byte) response {
	t.Helper()
	var whole any
	require.NoError(t, json.Unmarshal(answer, &whole))
	assert.Empty(t, nulls("answer", whole), "Metacontroller crashes on a null child and takes a null field for one of ours")
	var got response
	require.NoError(t, unmarshalStrict(answer, &got))
	require.NotNil(t, got.Status, "an answer without status wipes it")

	listed := map[string]bool{}
	for _, child := range got.Children {
		kind, ok := find(c.suite.Children, child)
		key := kind.Kind + " " + nameOf(child)
		require.True(t, ok, "%s %s is not declared as a child", kindOf(child), nameOf(child))
		assert.False(t, listed[key], "%s is listed twice", key)
		listed[key] = true
		assert.NotContains(t, child, "status", key)
		assert.NotContains(t, child["metadata"], "creationTimestamp", key)
		if known(request.Children, child) == nil {
			checkCreated(t, kind, child)
		}
	}
	parent := merge(request.Parent, nil)
	parent["status"] = got.Status
	assert.Empty(t, c.suite.Parent.Refuses(parent), "an API server would not store this status")
	return got
}

func checkCreated(t *testing.T, kind Kind, child object) {
	t.Helper()
	checkStrict(t, []Kind{kind}, child)
	if kind.Check != nil {
		data, err := json.Marshal(child)
		require.NoError(t, err)
		kind.Check(t, data)
	}
}

// checkSettles applies the answer and asks again, at the same time, until nothing changes: the first answer must have
// asked for every child already.
func (c call) checkSettles(t *testing.T, request Request, last response) {
	t.Helper()
	body := ""
	for range mostRounds {
		request = c.applied(request, last)
		answer := c.do(t, encode(t, c.suite.grouped(request)))
		if body == string(answer) {
			return
		}
		body = string(answer)
		last = c.checkAnswer(t, request, answer)
		for _, child := range last.Children {
			assert.NotNil(t, known(request.Children, child), "nothing happened, and yet %s %s is created", kindOf(child), nameOf(child))
		}
	}
	assert.Failf(t, "the hook does not settle", "nothing happened, and the answer still changes: %s", body)
}

// applied is the next request if nothing but the answer happens: children left out are gone at once.
func (c call) applied(request Request, answer response) Request {
	next := Request{Parent: merge(request.Parent, nil), Related: request.Related}
	next.Parent["status"] = answer.Status
	for _, child := range answer.Children {
		observed := known(request.Children, child)
		if observed == nil {
			observed = merge(child, object{"metadata": object{
				"namespace":         textAt(request.Parent, "metadata", "namespace"),
				"uid":               "uid-" + nameOf(child),
				"creationTimestamp": c.now.UTC().Format(time.RFC3339),
			}})
		}
		next.Children = append(next.Children, observed)
	}
	return next
}

func known(objects []object, o object) object {
	for _, other := range objects {
		if kindOf(other) == kindOf(o) && nameOf(other) == nameOf(o) {
			return other
		}
	}
	return nil
}

// nulls lists the paths of nulls.
func nulls(path string, value any) []string {
	var found []string
	switch value := value.(type) {
	case nil:
		return []string{path}
	case object:
		for field, inner := range value {
			found = append(found, nulls(path+"."+field, inner)...)
		}
	case []any:
		for i, inner := range value {
			found = append(found, nulls(fmt.Sprintf("%s[%d]", path, i), inner)...)
		}
	}
	return found
}
