package gce

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
)

// The limits that GCE puts on a VM's run duration, and the one preemption notice it knows besides none.
const (
	MinRunDuration   = 30 * time.Second
	MaxRunDuration   = 120 * 24 * time.Hour
	PreemptionNotice = 120 * time.Second
)

// The two provisioning models that a VM may ask for.
const (
	ModelSpot     = "SPOT"
	ModelStandard = "STANDARD"
)

const maxMetadataBytes = 512 << 10 // all keys and values of one instance

var (
	nameForm       = regexp.MustCompile(`^[a-z]([-a-z0-9]{0,61}[a-z0-9])?$`)
	projectForm    = regexp.MustCompile(`^([a-z0-9.-]+:)?[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$`)
	zoneForm       = regexp.MustCompile(`^[a-z]+-[a-z0-9]+-[a-z0-9]+$`)
	labelKeyForm   = regexp.MustCompile(`^[a-z][a-z0-9_-]{0,62}$`)
	labelValueForm = regexp.MustCompile(`^[a-z0-9_-]{0,63}$`)
	metadataForm   = regexp.MustCompile(`^[a-zA-Z0-9_-]{1,127}$`)
	imageForm      = regexp.MustCompile(`^(https://(www|compute)\.googleapis\.com/compute/v1/)?projects/[a-z0-9.:-]+/global/images/(family/)?[a-z0-9-]+$`)
	pathForm       = regexp.MustCompile(`^[a-zA-Z0-9][-a-zA-Z0-9._:/]*$`)
	emailForm      = regexp.MustCompile(`^default$|^[a-z0-9][-a-z0-9.]*@[a-z0-9][-a-z0-9.]+$`)
)

// The REST client puts what it is given into the path, "../x" and an empty name included, and an empty name
// turns a read of one instance into a list. So nothing goes out that is not of GCE's own form.

// ValidateProject refuses what is no project id.
func ValidateProject(project string) error {
	return form("project", project, projectForm, "use the project id, such as my-project-123")
}

// ValidateZone refuses what is no zone's name. It does not know which zones exist.
func ValidateZone(zone string) error {
	return form("zone", zone, zoneForm, "use a zone such as us-central1-a")
}

// ValidateName refuses what is no instance's name.
func ValidateName(name string) error {
	return form("instance name", name, nameForm, "use 1 to 63 of a-z, 0-9 and -, starting with a letter and not ending with -")
}

// ValidateLabels refuses labels that GCE does not take: more than 64, or characters other than a-z, 0-9, _ and -.
func ValidateLabels(labels map[string]string) error {
	if len(labels) > 64 {
		return fmt.Errorf("%d labels: GCE takes at most 64", len(labels))
	}
	for _, k := range sortedKeys(labels) {
		if err := form("label key", k, labelKeyForm, "use 1 to 63 of a-z, 0-9, _ and -, starting with a letter"); err != nil {
			return err
		}
		if err := form("value of label "+k, labels[k], labelValueForm, "use up to 63 of a-z, 0-9, _ and -"); err != nil {
			return err
		}
	}
	return nil
}

// ValidateRequestID refuses what GCE does not take as a requestId: anything but a UUID that is not all zeros.
func ValidateRequestID(id string) error {
	parsed, err := uuid.Parse(id)
	if err != nil || parsed == uuid.Nil || len(id) != 36 {
		return fmt.Errorf("request id %q: use a non-zero UUID", id)
	}
	return nil
}

// Validate refuses a spec that GCE would refuse for its form alone, and names the field and the remedy.
// It does not know which images, networks and machine types exist.
func (s InstanceSpec) Validate() error {
	checks := []error{
		ValidateName(s.Name),
		ValidateZone(s.Zone),
		ValidateLabels(s.Labels),
		validateMetadata(s.Metadata),
		MachineTypeForm(s.MachineType),
		form("image", s.Image, imageForm, "use projects/P/global/images/I or projects/P/global/images/family/F"),
		form("disk type", s.DiskType, nameForm, "use a name such as pd-balanced"),
		s.validateScheduling(),
		s.validateAccelerator(),
		optional("service account", s.ServiceAccount, emailForm, "use the account's email address, or default"),
		optional("network", s.Network, pathForm, "use a name or projects/P/global/networks/N"),
		optional("subnetwork", s.Subnetwork, pathForm, "use a name or projects/P/regions/R/subnetworks/N"),
	}
	for _, tag := range s.NetworkTags {
		checks = append(checks, form("network tag", tag, nameForm, "use 1 to 63 of a-z, 0-9 and -"))
	}
	if s.DiskSizeGB < 1 {
		checks = append(checks, fmt.Errorf("disk size %d GB: use at least 1", s.DiskSizeGB))
	}
	return firstOf(checks)
}

func (s InstanceSpec) validateScheduling() error {
	if s.ProvisioningModel != ModelSpot && s.ProvisioningModel != ModelStandard {
		return fmt.Errorf("provisioning model %q: use SPOT or STANDARD", s.ProvisioningModel)
	}
	if s.MaxRunDuration < MinRunDuration || s.MaxRunDuration > MaxRunDuration {
		return fmt.Errorf("max run duration %v: use 30s to 120 days (2880h)", s.MaxRunDuration)
	}
	if s.PreemptionNotice != 0 && s.PreemptionNotice != PreemptionNotice {
		return fmt.Errorf("preemption notice %v: GCE knows 0 and 120s only", s.PreemptionNotice)
	}
	if s.PreemptionNotice != 0 && s.ProvisioningModel != ModelSpot {
		return fmt.Errorf("preemption notice %v: only SPOT VMs are preempted, use 0 with %s", s.PreemptionNotice, s.ProvisioningModel)
	}
	return nil
}

func (s InstanceSpec) validateAccelerator() error {
	if s.Accelerator == "" {
		return nil
	}
	if s.AcceleratorCount < 1 {
		return fmt.Errorf("accelerator %s: use a count of at least 1", s.Accelerator)
	}
	return form("accelerator", s.Accelerator, nameForm, "use a type such as nvidia-tesla-t4")
}

func validateMetadata(metadata map[string]string) error {
	total := 0
	for _, k := range sortedKeys(metadata) {
		if err := form("metadata key", k, metadataForm, "use 1 to 127 of a-z, A-Z, 0-9, _ and -"); err != nil {
			return err
		}
		total += len(k) + len(metadata[k])
		if len(metadata[k]) > maxMetadataBytes/2 {
			return fmt.Errorf("metadata %s has %d bytes: GCE takes 262144; make the startup script shorter, or let it fetch the rest", k, len(metadata[k]))
		}
	}
	if total > maxMetadataBytes {
		return fmt.Errorf("metadata has %d bytes: GCE takes 524288 in all; make the startup script shorter, or let it fetch the rest", total)
	}
	return nil
}

func form(what, value string, pattern *regexp.Regexp, remedy string) error {
	if pattern.MatchString(value) && !strings.Contains(value, "..") {
		return nil
	}
	return fmt.Errorf("%s %q: %s", what, value, remedy)
}

func optional(what, value string, pattern *regexp.Regexp, remedy string) error {
	if value == "" {
		return nil
	}
	return form(what, value, pattern, remedy)
}

func firstOf(errs []error) error {
	i := slices.IndexFunc(errs, func(err error) bool { return err != nil })
	if i < 0 {
		return nil
	}
	return errs[i]
}

func sortedKeys(m map[string]string) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
