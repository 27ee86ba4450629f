# Pool and job both tell what to do.
capacity a 0
pool pool
job resnet replicas=1
wait pool pool condition=CapacityAvailable:ZonesExhausted
wait job resnet condition=Ready:ReplicasPending says=Ready:add_zones_to_spec.gcp.zones
message pool pool CapacityAvailable
----
no zone can be asked for a VM now: a (Stockout): wait, raise the quota, or add zones to spec.gcp.zones; status.zones says until when

wait job resnet says=Ready:the_first_zone_to_be_asked_again_is
end
