# GCE rarely says so at once. It means the same.
gce insert stockout-now n=50 zone=a
pool pool zones=a,b
job resnet replicas=1
wait job resnet trains=1
never vm-requested:zone-a
wait pool pool desired=1 listed=1 ready=1 vms=1
status pool pool
----
Ready, 1 of 1 ready, 1 VM requested so far, no preemption
zone b: 1 Ready
zone a: blocked, Stockout

end
