package sim

import (
	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
	"github.com/lehuannhatrang/spot-instance-training-operator/test/story"
)

// zoneNames are short names for the zones of GCE's fake.
var zoneNames = map[string]string{"a": "us-central1-a", "b": "us-central1-b", "c": "us-central1-c", "w": "us-west1-b"}

func zoneOf(name string) string { return place().Zone(name) }

func place() story.Place {
	return story.Place{Namespace: Namespace, Project: Project, Zones: zoneNames}
}

// poolOf is the pool that a command describes.
func poolOf(c story.Command) (*v1alpha1.SpotInstanceVM, error) { return story.PoolOf(c, place()) }

// jobOf is the job that a command describes.
func jobOf(c story.Command) (*v1alpha1.SpotInstanceJob, error) { return story.JobOf(c, place()) }

// options reads the numbers among the options of a command.
type options struct {
	story.Command
	err error
}

func (o *options) number(name string, otherwise int32) *int32 {
	r := story.Options{Command: o.Command, Err: o.err}
	n := r.Number(name, otherwise)
	o.err = r.Err
	return n
}
