package cluster

import (
	_ "embed"
	"strconv"
	"strings"
)

//go:embed stages/stages.yaml
var stagesTemplate string

// stages are kwok's stages with this timing.
func (t Timing) stages() []byte {
	start := strconv.FormatInt(t.PodStart.Milliseconds(), 10)
	return []byte(strings.ReplaceAll(stagesTemplate, "$POD_START_MILLISECONDS", start))
}
