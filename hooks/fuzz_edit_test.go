package hooks

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
)

// A fuzzer that changes bytes hardly ever makes another sound document of a large one, so that most of a hook would never
// be reached. Edits change the document itself.

type object = map[string]any

const (
	editSize   = 3 // two bytes for the place, one for what to do there
	mostPlaces = 10_000
)

// What an edit does. An even number from verbs on puts a nasty value of the same kind there, an odd one a value of any kind.
const (
	remove = iota
	double // an item of a list, or of an object under another key
	remember
	recall
	verbs
)

// What nobody writes and what means something to the hooks, in JSON, by kind.
var (
	nastyTexts = []string{
		`""`, `"x"`, `"null"`, `"-5m"`, `"0s"`, `"1ns"`, `"2562047h"`, `"1000000000000000s"`,
		`"0001-01-01T00:00:00Z"`, `"1969-12-31T23:59:59Z"`, `"2026-03-01T10:30:00Z"`, `"2026-03-01T11:30:00.5+09:00"`, `"2500-01-01T00:00:00Z"`, `"9999-12-31T23:59:59Z"`, `"9999-12-31T23:59:59-12:00"`,
		`"../../x"`, `"a/b"`, `"a.b.c"`, `"-"`, `"\u0000"`, `"\u2028<>&"`, `"ü"`, `"\ud800"`, `"$(reboot)"`, `"%s%d%!"`, `"0"`, `"-1"`, `"999999"`, `"9223372036854775807"`, `"true"`,
		`"Planned"`, `"Creating"`, `"Joining"`, `"Ready"`, `"NotReady"`, `"Stopping"`, `"Deleting"`, `"Gone"`, `"Unknown"`, `"True"`, `"False"`,
		`"Running"`, `"Pending"`, `"Starting"`, `"Succeeded"`, `"Failed"`, `"Lost"`, `"Doomed"`, `"BackingOff"`, `"RestoreFailed"`, `"Suspended"`, `"Recovering"`, `"Invalid"`, `"Completed"`, `"Complete"`, `"FailureTarget"`,
		`"InPlace"`, `"us-central1-a"`, `"us-central1-b"`, `"mars-north1-x"`, `"Standard"`, `"SpotWithStandardFallback"`, `"None"`, `"Stockout"`, `"Quota"`, `"Preempted"`,
	}
	nastyNumbers = []string{`0`, `-1`, `1`, `2`, `3`, `64`, `1000`, `2147483647`, `-2147483648`, `2147483648`, `9223372036854775807`, `-9223372036854775808`, `1e300`, `0.5`}
	nastyValues  = slices.Concat(nastyTexts, nastyNumbers, []string{`null`, `true`, `false`, `[]`, `{}`, `[null]`, `[[]]`, `{"":null}`, `[{}]`, `{"x":{}}`})
)

// edited applies edits to a JSON document, and returns what is no JSON as it is.
func edited(body, edits []byte) []byte {
	if len(edits) < editSize {
		return body
	}
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.UseNumber()
	var document any
	if decoder.Decode(&document) != nil || decoder.More() {
		return body
	}
	var clipboard []byte
	for ; len(edits) >= editSize && places(document) < mostPlaces; edits = edits[editSize:] {
		place := int(edits[0])<<8 | int(edits[1])
		e := editor{left: place % places(document), verb: int(edits[2]), clipboard: clipboard}
		document, _ = e.visit(document)
		clipboard = e.clipboard
	}
	after, err := json.Marshal(document)
	if err != nil {
		return body
	}
	return after
}

// places counts the values in a document.
func places(value any) int {
	n := 1
	switch value := value.(type) {
	case object:
		for _, inner := range value {
			n += places(inner)
		}
	case []any:
		for _, inner := range value {
			n += places(inner)
		}
	}
	return n
}

// editor does one edit at the place that left counts down to, in the order of keys.
type editor struct {
	left      int
	verb      int
	clipboard []byte
}

// visit is the value after the edit, and whether the edit added a copy of it.
func (e *editor) visit(value any) (after any, copies int) {
	e.left--
	if e.left == -1 {
		return e.change(value)
	}
	switch value := value.(type) {
	case object:
		for _, key := range slices.Sorted(maps.Keys(value)) {
			inner, n := e.visit(value[key])
			delete(value, key)
			for range n {
				value[key] = inner
				key += "2"
			}
		}
	case []any:
		var items []any
		for _, item := range value {
			inner, n := e.visit(item)
			for range n {
				items = append(items, inner)
			}
		}
		if items == nil {
			items = []any{}
		}
		return items, 1
	}
	return value, 1
}

func (e *editor) change(value any) (after any, copies int) {
	switch e.verb {
	case remove:
		return nil, 0
	case double:
		return value, 2
	case remember:
		e.clipboard, _ = json.Marshal(value)
		return value, 1
	case recall:
		return parsed(e.clipboard), 1
	}
	values := nastyValues
	if e.verb%2 == 0 {
		values = sameKind(value)
	}
	return parsed([]byte(values[(e.verb-verbs)/2%len(values)])), 1
}

func sameKind(value any) []string {
	switch value.(type) {
	case string:
		return nastyTexts
	case json.Number:
		return nastyNumbers
	case bool:
		return []string{`true`, `false`}
	}
	return nastyValues
}

func parsed(text []byte) any {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	var value any
	_ = decoder.Decode(&value)
	return value
}
