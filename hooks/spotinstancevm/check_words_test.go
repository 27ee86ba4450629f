package spotinstancevm

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestFieldThatIsMeant(t *testing.T) {
	for message, want := range map[string]string{
		"Invalid value for field 'resource.machineType': 'zones/us-west1-b/machineTypes/g2-standard-8'. Machine type with name 'g2-standard-8' does not exist in zone 'us-west1-b'.": "spec.gcp.machineType",
		"Invalid value for field 'resource.disks[0].initializeParams.diskType': 'zones/us-west1-b/diskTypes/pd-fast'. The referenced diskType resource cannot be found.":             "spec.gcp.diskType",
		"Invalid value for field 'resource.disks[0].initializeParams.sourceImage': 'projects/network-lab/global/images/x'. The referenced image resource cannot be found.":           "spec.vmImage",
		"Invalid value for field 'resource.disks[0].initializeParams.diskSizeGb': '5'. Requested disk size cannot be smaller than the image size (10 GB)":                            "spec.gcp.diskSizeGB",
		"Invalid value for field 'resource.networkInterfaces[0].subnetwork': 'projects/image-lab/regions/us-west1/subnetworks/zone-a'. The referenced subnetwork cannot be found.":   "spec.gcp.subnetwork",
		"Invalid value for field 'resource.networkInterfaces[0].accessConfigs[0]': ''. No external access here.":                                                                     "spec.gcp.externalIP",
		"Invalid value for field 'resource.tags.items[0]': 'K8S'. Must be a match of regex":                                                                                          "spec.gcp.networkTags",
		"Invalid value for field 'resource.scheduling.maxRunDuration': '7'.":                                                                                                         "spec.maxRunDuration",
		"Invalid value for field 'resource.scheduling.provisioningModel': 'SPOT'. Not for this machine type.":                                                                        "spec.provisioningModel",
		"Invalid value for field 'resource.metadata.items[0].value': value withheld":                                                                                                 "spec.startupScript",
		"The resource 'projects/machinetype-lab/global/images/family/trainer' was not found":                                                                                         "spec.vmImage",
		"The resource 'projects/image-lab/regions/us-west1/subnetworks/train' was not found":                                                                                         "spec.gcp.subnetwork",
		"The resource 'projects/image-lab/regions/us-west1/subnetworks/train' is not ready":                                                                                          "spec.gcp.subnetwork",
		"The resource 'projects/subnet-lab/global/networks/train' was not found":                                                                                                     "spec.gcp.network",
		"The resource 'projects/image-lab/zones/us-west1-b/acceleratorTypes/nvidia-l4' was not found":                                                                                "spec.gpu",
		"The resource 'projects/image-lab/zones/us-west1-b/diskTypes/hyperdisk-balanced' was not found":                                                                              "spec.gcp.diskType",
		"The resource 'projects/image-lab' was not found":                                                                                                                            "spec.gcp.project",
		"The resource 'vm@image-lab.iam.gserviceaccount.com' of type 'serviceAccount' was not found.":                                                                                "spec.gcp.serviceAccount",
		"The resource 'projects/image-lab/zones/us-west1-b/instances/x' cannot be made":                                                                                              "spec.gcp",
		"Constraint constraints/compute.vmExternalIpAccess violated for project 12. Add instance projects/image-lab/zones/us-west1-b/instances/x to the constraint.":                 "spec.gcp.externalIP",
		"Constraint constraints/compute.trustedImageProjects violated for project image-lab. Use of images from project other is prohibited.":                                        "spec.vmImage",
		"Constraint constraints/compute.requireShieldedVm violated for project projects/acme. Secure Boot is not enabled.":                                                           "spec.gcp.project",
		"Location ZONE:us-west1-b violates constraint constraints/gcp.resourceLocations on the resource projects/image-lab/zones/us-west1-b/instances/x.":                            "spec.gcp.zones",
		"Permission denied on 'locations/us-west1-z' (or it may not exist).":                                                                                                         "spec.gcp.zones",
		"[pd-ssd, c4a-standard-4] features are not compatible for creating instance.":                                                                                                "spec.gcp.machineType, spec.gcp.diskType",
		"[e2-standard-4, nvidia-tesla-t4] features are not compatible for creating instance.":                                                                                        "spec.gcp.machineType, spec.gpu",
		"pd-standard disk type cannot be used by g2-standard-8 machine type.":                                                                                                        "spec.gcp.machineType, spec.gcp.diskType",
		"The image's architecture ARM64 is not compatible with the machine type's architecture X86_64.":                                                                              "spec.gcp.machineType, spec.vmImage",
		"Network interface must specify a subnet if the network resource is in custom subnet mode.":                                                                                  "spec.gcp.subnetwork",
		"This stage of the advantage program is not for you":                                                                                                                         "spec.gcp",
		"disk size 0 GB: use at least 1": "spec.gcp.diskSizeGB",
	} {
		t.Run(message, func(t *testing.T) { require.Equal(t, want, fieldOf(message)) })
	}
}

func TestRemedies(t *testing.T) {
	for said, want := range map[string]string{
		"Forbidden (SERVICE_ACCOUNT_ACCESS_DENIED): The user does not have access to service account 'vm@acme'.": "roles/iam.serviceAccountUser",
		"Required 'iam.serviceAccounts.actAs' permission for 'vm@acme'":                                          "roles/iam.serviceAccountUser",
		"Required 'compute.subnetworks.use' permission for 'projects/host/regions/us-west1/subnetworks/train'":   "roles/compute.networkUser",
		"Required 'compute.images.useReadOnly' permission for 'projects/images/global/images/x'":                 "roles/compute.imageUser",
		"Compute Engine API has not been used in project 12 before or it is disabled.":                           "gcloud services enable compute.googleapis.com --project acme",
		"This API method requires billing to be enabled.":                                                        "link project acme to a billing account",
		"The billing account for the owning project is disabled in state absent":                                 "link project acme to a billing account",
		"Permission denied: Consumer 'projects/acme' has been suspended.":                                        "has suspended project acme",
		"Constraint constraints/compute.vmExternalIpAccess violated":                                             "set spec.gcp.externalIP to false",
		"Location ZONE:us-west1-b violates constraint constraints/gcp.resourceLocations":                         "name zones that the policy allows",
		"Constraint constraints/compute.requireShieldedVm violated for project 12":                               "allow it in project acme",
		"Required 'compute.instances.create' permission":                                                         "grant more",
	} {
		t.Run(said, func(t *testing.T) { require.Contains(t, remedyOf(said, "acme", "grant more"), want) })
	}
}
