package gce_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/lehuannhatrang/spot-instance-training-operator/internal/gce"
)

func TestValidate(t *testing.T) {
	tests := map[string]struct {
		change func(*gce.InstanceSpec)
		want   string // in the error; empty: accepted
	}{
		"in order": {change: func(*gce.InstanceSpec) {}},
		"an image URL": {change: func(s *gce.InstanceSpec) {
			s.Image = "https://www.googleapis.com/compute/v1/projects/p/global/images/i"
		}},
		"an image of a domain": {change: func(s *gce.InstanceSpec) { s.Image = "projects/example.com:p/global/images/i" }},
		"the longest run":      {change: func(s *gce.InstanceSpec) { s.MaxRunDuration = 2880 * time.Hour }},
		"the default account":  {change: func(s *gce.InstanceSpec) { s.ServiceAccount = "default" }},
		"no notice":            {change: func(s *gce.InstanceSpec) { s.PreemptionNotice = 0 }},

		"a bare image":            {change: func(s *gce.InstanceSpec) { s.Image = "debian-12" }, want: `image "debian-12": use projects/P/global/images`},
		"an image elsewhere":      {change: func(s *gce.InstanceSpec) { s.Image = "https://evil.example/projects/p/global/images/i" }, want: "image"},
		"a long name":             {change: func(s *gce.InstanceSpec) { s.Name = strings.Repeat("a", 64) }, want: "instance name"},
		"a dotted name":           {change: func(s *gce.InstanceSpec) { s.Name = "a.b" }, want: "instance name"},
		"a label with a slash":    {change: func(s *gce.InstanceSpec) { s.Labels = map[string]string{"a/b": "c"} }, want: `label key "a/b"`},
		"a label value too long":  {change: func(s *gce.InstanceSpec) { s.Labels = map[string]string{"a": strings.Repeat("b", 64)} }, want: "value of label a"},
		"too many labels":         {change: func(s *gce.InstanceSpec) { s.Labels = numbered(65) }, want: "65 labels"},
		"a metadata key":          {change: func(s *gce.InstanceSpec) { s.Metadata = map[string]string{"a b": ""} }, want: "metadata key"},
		"a script too long":       {change: func(s *gce.InstanceSpec) { s.Metadata["startup-script"] = strings.Repeat("#", 262145) }, want: "metadata startup-script has 262145 bytes"},
		"metadata too long":       {change: func(s *gce.InstanceSpec) { s.Metadata = threeLong() }, want: "GCE takes 524288 in all"},
		"no disk":                 {change: func(s *gce.InstanceSpec) { s.DiskSizeGB = 0 }, want: "disk size 0 GB"},
		"no disk type":            {change: func(s *gce.InstanceSpec) { s.DiskType = "" }, want: "disk type"},
		"no model":                {change: func(s *gce.InstanceSpec) { s.ProvisioningModel = "" }, want: "use SPOT or STANDARD"},
		"a short run":             {change: func(s *gce.InstanceSpec) { s.MaxRunDuration = 29 * time.Second }, want: "max run duration 29s"},
		"a run without end":       {change: func(s *gce.InstanceSpec) { s.MaxRunDuration = 0 }, want: "max run duration 0s"},
		"another notice":          {change: func(s *gce.InstanceSpec) { s.PreemptionNotice = time.Minute }, want: "GCE knows 0 and 120s only"},
		"a notice for a standard": {change: func(s *gce.InstanceSpec) { s.ProvisioningModel = "STANDARD" }, want: "only SPOT VMs are preempted"},
		"an accelerator of none":  {change: func(s *gce.InstanceSpec) { s.Accelerator = "nvidia-tesla-t4" }, want: "count of at least 1"},
		"a tag":                   {change: func(s *gce.InstanceSpec) { s.NetworkTags = []string{"ok", "Not ok"} }, want: `network tag "Not ok"`},
		"a service account":       {change: func(s *gce.InstanceSpec) { s.ServiceAccount = "trainer" }, want: "email address"},
		"a network":               {change: func(s *gce.InstanceSpec) { s.Network = "../x" }, want: "network"},
		"a subnetwork":            {change: func(s *gce.InstanceSpec) { s.Subnetwork = "a b" }, want: "subnetwork"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			spec := spotSpec()
			tt.change(&spec)
			if tt.want == "" {
				assert.NoError(t, spec.Validate())
				return
			}
			assert.ErrorContains(t, spec.Validate(), tt.want)
		})
	}
}

func numbered(n int) map[string]string {
	labels := map[string]string{}
	for i := range n {
		labels[fmt.Sprintf("l%d", i)] = "x"
	}
	return labels
}

func threeLong() map[string]string {
	long := strings.Repeat("#", 200_000)
	return map[string]string{"a": long, "b": long, "c": long}
}
