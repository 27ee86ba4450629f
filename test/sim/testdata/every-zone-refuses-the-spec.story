# All zones refuse the spec, so it is to blame: each was asked once. When they do not any more, the pool goes on by itself.
gce insert refuse as=disk-type-not-found for=10m
pool pool zones=a,b,w
job resnet replicas=1
wait pool pool condition=SpecValid:RefusedByGCE says=SpecValid:diskTypes/pd-balanced'_was_not_found:_mend_the_field
wait job resnet trains=1
status pool pool
----
Ready, 1 of 1 ready, 1 VM requested so far, no preemption
zone w: 1 Ready
zone a: blocked, Unsupported
zone b: blocked, Unsupported

end
