package webhook

import (
	"bytes"
	"fmt"
)

// What one request may hold. Scaled by ten from a request of 100 VMs, each with a kubelet-size Node, its pod and that pod's Job: 1,000 VMs are 28 MB, 654,000
// values and 97,000 elements; see "The hooks alone" in docs/benchmarks.md.
const (
	maxBody     = 64 << 20
	maxValues   = 1_500_000
	maxElements = 250_000
	maxObjects  = 10_000 // of all groups together; 1,000 VMs are 3,000
)

// What a value and an element may take once they are decoded: an entry of a map of quantities, and a container of a pod.
const (
	memoryOfValue   = 128
	memoryOfElement = 512
)

// shape is how much a JSON text may become when it is decoded, told while it arrives: three bytes can be an element of an array
// that takes 400 in memory.
type shape struct {
	values   int  // commas, which part members of objects and elements of arrays
	elements int  // objects that are elements of an array
	last     byte // which is no white space
}

// add looks at the bytes that follow those it has seen. Strings are not told apart: what they hold is counted as well.
func (s *shape) add(text []byte) {
	s.values += bytes.Count(text, []byte{','})
	for at := 0; ; at++ {
		next := bytes.IndexByte(text[at:], '{')
		if next < 0 {
			break
		}
		at += next
		if s.before(text[:at]) != ':' {
			s.elements++
		}
	}
	s.last = s.before(text)
}

// before is the last byte of text that is no white space.
func (s *shape) before(text []byte) byte {
	if text = bytes.TrimRight(text, " \t\r\n"); len(text) > 0 {
		return text[len(text)-1]
	}
	return s.last
}

// memory is the most that the text can take once it is decoded.
func (s *shape) memory() int64 {
	return int64(s.values)*memoryOfValue + int64(s.elements)*memoryOfElement
}

func (s *shape) check() error {
	if s.values > maxValues || s.elements > maxElements {
		return fmt.Errorf("%w: it has more than %d values or %d elements of arrays", errTooLarge, maxValues, maxElements)
	}
	return nil
}
