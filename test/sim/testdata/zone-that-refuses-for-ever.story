# Zone a lacks the machine type. Each VM comes from b, at once, and the spec is not to blame.
gce insert refuse as=no-machine-type for=3h zone=a
pool pool zones=a,b
job resnet interval=5m replicas=2
wait job resnet trains=2
wait pool pool desired=2 listed=2 ready=2 vms=2
message pool pool CapacityAvailable
----
a zone can be asked when a VM is needed, but not a (Unsupported: Invalid value for field 'resource.machineType': 'zones/a/machineTypes/n1-standard-4'. Machine type with name 'n1-standard-4' does not exist in zone 'a'.): if that is to stay, remove it from spec.gcp.zones; status.zones says until when it is not asked

end
