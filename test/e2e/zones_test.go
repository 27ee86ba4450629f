package e2e

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/lehuannhatrang/spot-instance-training-operator/test/story"
)

// zoneSets is how many scenes can begin while one goes on, so that each has zones of its own.
const zoneSets = 100

// zonesOf are the zones of the nth scene: a, b and c of one region, w of another. What a story does to its zones is none of
// the others' business.
func zonesOf(n int) map[string]string {
	zones := map[string]string{}
	for _, short := range []string{"a", "b", "c"} {
		zones[short] = fmt.Sprintf("lab-central%d-%s", n%zoneSets, short)
	}
	zones["w"] = fmt.Sprintf("lab-west%d-b", n%zoneSets)
	return zones
}

// allPrices is what VMs cost in the zones of all scenes.
func allPrices() string {
	table := story.Prices(nil)
	for n := range zoneSets {
		_, rows, _ := strings.Cut(story.Prices(zonesOf(n)), "\n")
		table += rows
	}
	return table
}

// allZones are those of all scenes, and the one that the original operator's manifest names.
func allZones() []string {
	all := []string{"us-central1-a"}
	for n := range zoneSets {
		all = slices.AppendSeq(all, maps.Values(zonesOf(n)))
	}
	return slices.Sorted(slices.Values(all))
}
