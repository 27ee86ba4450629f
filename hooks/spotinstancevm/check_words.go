package spotinstancevm

import (
	"regexp"
	"strings"
)

// wordsOfFields tell fields apart in messages, the more telling words first.
var wordsOfFields = []struct{ word, field string }{
	{"gcp.resourcelocations", "spec.gcp.zones"},
	{"'locations/", "spec.gcp.zones"},
	{"compute.vmexternalipaccess", "spec.gcp.externalIP"},
	{"accessconfig", "spec.gcp.externalIP"},
	{"external ip", "spec.gcp.externalIP"},
	{"project id", "spec.gcp.project"},
	{"billing", "spec.gcp.project"},
	{"provisioningmodel", "spec.provisioningModel"},
	{"preemptible", "spec.provisioningModel"},
	{"machinetype", "spec.gcp.machineType"},
	{"machine type", "spec.gcp.machineType"},
	{"disktype", "spec.gcp.diskType"},
	{"disk type", "spec.gcp.diskType"},
	{"disksize", "spec.gcp.diskSizeGB"},
	{"disk size", "spec.gcp.diskSizeGB"},
	{"image", "spec.vmImage"},
	{"accelerator", "spec.gpu"},
	{"subnet", "spec.gcp.subnetwork"},
	{"tags", "spec.gcp.networkTags"},
	{"network tag", "spec.gcp.networkTags"},
	{"network", "spec.gcp.network"},
	{"serviceaccount", "spec.gcp.serviceAccount"},
	{"service account", "spec.gcp.serviceAccount"},
	{"preemption", "spec.preemptionNotice"},
	{"run duration", "spec.maxRunDuration"},
	{"maxrunduration", "spec.maxRunDuration"},
	{"metadata", "spec.startupScript"},
	{"constraints/", "spec.gcp.project"},
	{"zone", "spec.gcp.zone"},
}

var (
	fieldName = regexp.MustCompile(`'resource\.([^']+)'|of type '([^']+)'`)
	paths     = regexp.MustCompile(`[^\s'"]*\b(?:projects|zones|regions|global)/[^\s'"]+`)
	quoted    = regexp.MustCompile(`'[^']*'`)
)

// fieldOf is the field of the spec that a message of GCE, or of package gce, is about: the one that it names, else that of the kind of
// resource that it names, else one that its words suggest. Names of the user's, such as that of a project, may have any word in them.
func fieldOf(message string) string {
	if fields := joinedFields(message); fields != "" {
		return fields
	}
	parts := []string{}
	if named := fieldName.FindStringSubmatch(message); named != nil {
		parts = append(parts, named[1]+named[2])
	}
	for _, path := range paths.FindAllString(fieldName.ReplaceAllString(message, ""), -1) {
		parts = append(parts, collectionOf(path))
	}
	words := paths.ReplaceAllString(message, "")
	for _, part := range append(parts, quoted.ReplaceAllString(words, ""), words) {
		for _, known := range wordsOfFields {
			if strings.Contains(strings.ToLower(part), known.word) {
				return known.field
			}
		}
	}
	return "spec.gcp"
}

// collectionOf is what kind of resource a path ends in: machineTypes of projects/P/zones/Z/machineTypes/M.
func collectionOf(path string) string {
	segments := strings.Split(strings.ReplaceAll(path, "/family/", "/"), "/")
	if kind := segments[len(segments)-2]; kind != "projects" {
		return kind
	}
	return "project id"
}

// joinedFields are the fields of which GCE says that they do not go together: "[pd-ssd, c4a-standard-4] features are not compatible",
// "pd-standard disk type cannot be used by g2-standard-8 machine type".
func joinedFields(message string) string {
	message = strings.ToLower(message)
	switch {
	case !strings.Contains(message, "not compatible") && !strings.Contains(message, "cannot be used by"):
		return ""
	case strings.Contains(message, "nvidia-") || strings.Contains(message, "accelerator"):
		return "spec.gcp.machineType, spec.gpu"
	case strings.Contains(message, "image"):
		return "spec.gcp.machineType, spec.vmImage"
	default:
		return "spec.gcp.machineType, spec.gcp.diskType"
	}
}

// remedies are what to do when GCE refuses a call, by what its message or code has in it. PROJECT is the pool's.
var remedies = []struct{ word, remedy string }{
	{"service_account_access_denied", allowServiceAccount},
	{"iam.serviceaccounts.actas", allowServiceAccount},
	{"iam.serviceaccountuser", allowServiceAccount},
	{"access to service account", allowServiceAccount},
	{"compute.subnetworks.use", "grant the operator's service account roles/compute.networkUser on that subnetwork"},
	{"compute.images.usereadonly", "grant the operator's service account roles/compute.imageUser in the image's project"},
	{"accessnotconfigured", enableAPI},
	{"service_disabled", enableAPI},
	{"has not been used in project", enableAPI},
	{"billing", "link project PROJECT to a billing account that is open"},
	{"has been suspended", "Google has suspended project PROJECT: see its notifications in the Google Cloud console"},
	{"compute.vmexternalipaccess", "set spec.gcp.externalIP to false, which needs Cloud NAT, or have the policy allow external IP addresses"},
	{"gcp.resourcelocations", "name zones that the policy allows"},
	{"constraints/", "have the organization's policy allow it in project PROJECT"},
}

const (
	allowServiceAccount = "grant the operator's service account roles/iam.serviceAccountUser on the one that spec.gcp.serviceAccount names, or that is the project's default"
	enableAPI           = "enable the API: gcloud services enable compute.googleapis.com --project PROJECT"
)

// remedyOf is what to do when GCE refuses a call with these words.
func remedyOf(said, project, otherwise string) string {
	for _, known := range remedies {
		if strings.Contains(strings.ToLower(said), known.word) {
			return strings.ReplaceAll(known.remedy, "PROJECT", project)
		}
	}
	return otherwise
}
