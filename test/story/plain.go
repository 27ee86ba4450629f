package story

import (
	"cmp"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// plain is a text with the story's names in place of the world's. What has no name in stories is NAME, IMAGE or
// BROKEN-IMAGE.
func (v viewer) plain(text string) string {
	short := v.shortNames()
	longest := func(a, b string) int { return cmp.Or(cmp.Compare(len(b), len(a)), cmp.Compare(a, b)) }
	for _, name := range slices.SortedFunc(maps.Keys(short), longest) {
		text = strings.ReplaceAll(text, name, short[name])
	}
	return v.Place().plain(lastStep.ReplaceAllString(text, ""))
}

// lastStep is what the program of real nodes prints last, which a message of its failure has. Programs of the other worlds print nothing.
var lastStep = regexp.MustCompile(` step \d+ loss \S+ boot [0-9a-f]+`)

// shortNames are the names of VMs, Jobs, checkpoints and their images in stories.
func (v viewer) shortNames() map[string]string {
	short := map[string]string{}
	for _, c := range v.Past() {
		switch {
		case c.VM != nil:
			short[c.VM.VM.Name] = shortVM(c.VM.VM.Name)
		case c.Child != nil:
			short[c.Child.Name] = shortChild(c.Child)
		case c.Checkpoint != nil:
			short[c.Checkpoint.Name], short[c.Checkpoint.Image] = "NAME", "IMAGE"
			if _, broken, _ := v.Content(c.Checkpoint.Image); broken {
				short[c.Checkpoint.Image] = "BROKEN-IMAGE"
			}
		}
	}
	return short
}
