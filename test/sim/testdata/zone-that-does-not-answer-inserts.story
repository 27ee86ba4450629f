# Zone a answers each insert with an error that leaves open what became of it, and shows nothing of it: VMs come from b.
gce insert refuse as=location-unavailable for=3h zone=a
pool pool zones=a,b
job resnet replicas=1
wait pool pool condition=CapacityAvailable:NoAnswer says=CapacityAvailable:The_service_is_currently_unavailable_for_location_us-central1-a:_if_the_zone_shows_no_such_VM
wait job resnet trains=1
wait pool pool desired=1 listed=1 ready=1 vms=1
status pool pool
----
Ready, 1 of 1 ready, 1 VM requested so far, no preemption
zone b: 1 Ready
zone a: blocked, Unavailable

end
