package hooktest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	kjson "sigs.k8s.io/json"
)

// unordered are the lists of Kubernetes objects whose order means nothing.
var unordered = map[string]bool{
	"conditions": true, "containerStatuses": true, "initContainerStatuses": true, "ownerReferences": true,
	"managedFields": true, "builtImages": true, "provisionedInstances": true,
}

// shuffle encodes the value with the fields of all objects, and the items of unordered lists, in another order.
func shuffle(t *testing.T, value any, seed uint64) []byte {
	t.Helper()
	var buffer bytes.Buffer
	s := shuffler{&buffer, rand.New(rand.NewPCG(seed, seed))}
	require.NoError(t, s.write("", value))
	return buffer.Bytes()
}

type shuffler struct {
	to     *bytes.Buffer
	random *rand.Rand
}

func (s shuffler) write(field string, value any) error {
	switch value := value.(type) {
	case object:
		fields := slices.Sorted(maps.Keys(value))
		s.random.Shuffle(len(fields), func(i, j int) { fields[i], fields[j] = fields[j], fields[i] })
		return s.list("{}", len(fields), func(i int) error {
			fmt.Fprintf(s.to, "%q:", fields[i])
			return s.write(fields[i], value[fields[i]])
		})
	case []any:
		items := slices.Clone(value)
		if unordered[field] {
			s.random.Shuffle(len(items), func(i, j int) { items[i], items[j] = items[j], items[i] })
		}
		return s.list("[]", len(items), func(i int) error { return s.write("", items[i]) })
	}
	data, err := json.Marshal(value)
	s.to.Write(data)
	return err
}

func (s shuffler) list(brackets string, n int, item func(int) error) error {
	s.to.WriteByte(brackets[0])
	for i := range n {
		if i > 0 {
			s.to.WriteByte(',')
		}
		if err := item(i); err != nil {
			return err
		}
	}
	s.to.WriteByte(brackets[1])
	return nil
}

// unmarshalStrict refuses unknown and duplicate fields, and fields in another case, as Metacontroller does.
func unmarshalStrict(data []byte, into any) error {
	strict, err := kjson.UnmarshalStrict(data, into)
	if err == nil && len(strict) > 0 {
		return strict[0]
	}
	return err
}
