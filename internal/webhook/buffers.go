package webhook

import "slices"

const (
	// firstSize is of a call's first buffer, before any of its body is there.
	firstSize = 16 << 10
	// Of large buffers whose request is answered so many are kept: 28 MB of new memory take as long as to copy them.
	maxSpare     = 2
	maxSpareSize = 32 << 20
	minSpareSize = 1 << 20
)

// grow is a larger buffer with the same text: a kept one that has room for all that was announced, or one of four times the size,
// and of twice the size if it is large. What is announced makes it smaller, never larger than that.
func (g *Gate) grow(text []byte, announced int64) []byte {
	size := 4 * int64(cap(text))
	if size > minSpareSize {
		size = min(max(minSpareSize, 2*int64(cap(text))), maxBody+1)
	}
	if announced > int64(len(text)) {
		size = min(size, announced+1) // the end of the body is found without growing again
	}
	if size >= minSpareSize {
		if kept := g.reuse(max(size, announced)); kept != nil {
			return append(kept[:0], text...)
		}
	}
	return append(make([]byte, 0, size), text...)
}

// reuse is the smallest kept buffer of this size or more, or nil.
func (g *Gate) reuse(size int64) []byte {
	g.mu.Lock()
	defer g.mu.Unlock()
	best := -1
	for i, kept := range g.spare {
		if int64(cap(kept)) >= size && (best < 0 || cap(kept) < cap(g.spare[best])) {
			best = i
		}
	}
	if best < 0 {
		return nil
	}
	kept := g.spare[best]
	g.spare = slices.Delete(g.spare, best, best+1)
	return kept
}

// keep is told of a buffer that nobody uses any more. Of more than maxSpare the largest stay.
func (g *Gate) keep(text []byte) {
	if cap(text) < minSpareSize || cap(text) > maxSpareSize {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.spare = append(g.spare, text)
	if len(g.spare) > maxSpare {
		slices.SortFunc(g.spare, func(a, b []byte) int { return cap(b) - cap(a) })
		g.spare[maxSpare] = nil
		g.spare = g.spare[:maxSpare]
	}
}
