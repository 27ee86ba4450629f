package sim

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestContent(t *testing.T) {
	i := New(Config{Timing: RealTiming()}).Images
	i.Push("registry.example.com/train/ckpt:a", time.Hour, false)
	i.Push("registry.example.com/train/ckpt:b", time.Minute, false)
	i.Break("registry.example.com/train/ckpt:b")
	i.Break("registry.example.com/train/ckpt:missing")
	i.Push("ckpt:gone", time.Hour, false)
	i.Remove("docker.io/library/ckpt:gone")
	type found struct {
		progress      time.Duration
		broken, found bool
	}
	for image, want := range map[string]found{
		"registry.example.com/train/ckpt:a":       {time.Hour, false, true},
		"registry.example.com/train/ckpt:b":       {time.Minute, true, true},
		"registry.example.com/train/ckpt:missing": {0, false, false},
		"registry.example.com/train/other:a":      {0, false, true},
		"pytorch":                                 {0, false, true},
		"ckpt:gone":                               {0, false, false},
		"ckpt:other":                              {0, false, false},
	} {
		progress, broken, exists := i.Content(image)
		assert.Equal(t, want, found{progress, broken, exists}, image)
	}
}
