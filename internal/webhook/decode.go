package webhook

import (
	"fmt"
	"maps"
	"runtime"
	"slices"
	"sync"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	jsonv1 "github.com/go-json-experiment/json/v1"
)

// decoding is what encoding/json does, without its first pass over the text that only looks for errors, and with the case of
// names as Kubernetes has it: that takes a third of the time. See docs/benchmarks.md.
var decoding = json.JoinOptions(
	jsonv1.DefaultOptionsV1(), jsonv1.ReportErrorsWithLegacySemantics(false), json.MatchCaseInsensitiveNames(false),
)

func unmarshal(data []byte, into any) error { return json.Unmarshal(data, into, decoding) }

// unmarshalInPlace leaves the objects of Groups where they are in data, which must not change any more: a request of 1,000 VMs
// has 28 MB of them.
func unmarshalInPlace(data []byte, into any) error {
	inPlace := json.UnmarshalFromFunc(func(from *jsontext.Decoder, object *jsonv1.RawMessage) error {
		value, err := from.ReadValue()
		if err != nil {
			return err
		}
		end := from.InputOffset()
		*object = data[end-int64(len(value)) : end : end]
		return nil
	})
	return json.Unmarshal(data, into, decoding, json.WithUnmarshalers(inPlace))
}

// worthSharing is how many objects a processor decodes while another one starts.
const worthSharing = 16

// Objects decodes the group, such as "Job.batch/v1", in the order of its keys, on all processors if there are many. A group
// that is not there at all is an error, since a kind that was not observed must not be taken for a kind without objects.
func Objects[T any](groups Groups, group string) ([]T, error) {
	raw, ok := groups[group]
	if !ok {
		return nil, fmt.Errorf("the request has no group %q: the CompositeController must list that resource, hook version v2", group)
	}
	keys := slices.Sorted(maps.Keys(raw))
	objects, failures := make([]T, len(keys)), make([]error, len(keys))
	decode := func(from, to int) {
		for i := from; i < to; i++ {
			if err := unmarshal(raw[keys[i]], &objects[i]); err != nil {
				failures[i] = fmt.Errorf("decode %s %s: %w", group, keys[i], err)
			}
		}
	}
	share := max(worthSharing, (len(keys)+runtime.GOMAXPROCS(0)-1)/runtime.GOMAXPROCS(0))
	var sharing sync.WaitGroup
	for from := 0; from < len(keys); from += share {
		sharing.Go(func() { decode(from, min(from+share, len(keys))) })
	}
	sharing.Wait()
	if i := slices.IndexFunc(failures, func(err error) bool { return err != nil }); i >= 0 {
		return nil, failures[i]
	}
	return objects, nil
}
