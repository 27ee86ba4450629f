package sim

import (
	"bytes"
	"slices"

	"github.com/go-json-experiment/json"
	jsonv1 "github.com/go-json-experiment/json/v1"
)

// groups are objects by kind.
type groups map[string][]*Record

// requestBody is the request of a sync or finalize hook, version v2.
func requestBody(controller []byte, parent *Record, children, related groups, finalizing bool) []byte {
	var b bytes.Buffer
	b.WriteString(`{"controller":`)
	b.Write(controller)
	b.WriteString(`,"parent":`)
	b.Write(parent.JSON())
	b.WriteString(`,"children":`)
	children.write(&b)
	b.WriteString(`,"related":`)
	related.write(&b)
	b.WriteString(`,"finalizing":`)
	if finalizing {
		b.WriteString("true}")
		return b.Bytes()
	}
	b.WriteString("false}")
	return b.Bytes()
}

func (g groups) write(b *bytes.Buffer) {
	var kinds []string
	for kind := range g {
		kinds = append(kinds, kind)
	}
	slices.Sort(kinds)
	b.WriteByte('{')
	for i, kind := range kinds {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(`"` + groupKeys[kind] + `":{`)
		for j, r := range g[kind] {
			if j > 0 {
				b.WriteByte(',')
			}
			b.WriteByte('"')
			if r.Namespace != "" {
				b.WriteString(r.Namespace + "/")
			}
			b.WriteString(r.Name + `":`)
			b.Write(r.JSON())
		}
		b.WriteByte('}')
	}
	b.WriteByte('}')
}

// strictly decodes an answer as Metacontroller does version v2: no unknown fields and nothing behind it.
func strictly(data []byte, into any) error {
	return json.Unmarshal(data, into, jsonv1.DefaultOptionsV1(), json.RejectUnknownMembers(true))
}
