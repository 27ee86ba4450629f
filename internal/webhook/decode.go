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
// has 28 MB of them. More than maxObjects are an error before they are in a map.
func unmarshalInPlace(data []byte, into any) error {
	reader := groupsReader{data: data}
	return json.Unmarshal(data, into, decoding, json.WithUnmarshalers(json.UnmarshalFromFunc(reader.groups)))
}

// groupsReader reads all Groups of one request.
type groupsReader struct {
	data []byte
	read int // groups and objects
}

func (r *groupsReader) groups(from *jsontext.Decoder, into *Groups) error {
	*into = nil
	return r.members(from, func(name string) error {
		group := map[string]jsonv1.RawMessage{}
		if *into == nil {
			*into = Groups{}
		}
		(*into)[name] = group
		return r.members(from, func(key string) error {
			value, err := from.ReadValue()
			if err != nil {
				return err
			}
			end := from.InputOffset()
			group[key] = r.data[end-int64(len(value)) : end : end]
			return nil
		})
	})
}

// members reads an object, or null, and calls read at each value.
func (r *groupsReader) members(from *jsontext.Decoder, read func(name string) error) error {
	begin, err := from.ReadToken()
	if err != nil || begin.Kind() == jsontext.KindNull {
		return err
	}
	if begin.Kind() != jsontext.KindBeginObject {
		return fmt.Errorf("there is %s instead of objects by their names", begin.Kind())
	}
	for from.PeekKind() != jsontext.KindEndObject {
		name, err := from.ReadToken()
		if err != nil {
			return err
		}
		if r.read++; r.read > maxObjects {
			return fmt.Errorf("%w: it has more than %d objects", errTooLarge, maxObjects)
		}
		if err := read(name.String()); err != nil {
			return err
		}
	}
	_, err = from.ReadToken()
	return err
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
