# The operations of inserts in zone a end with an internal error. No VM was there whose console could be read.
gce insert refuse as=failed-internally for=3h zone=a
pool pool zones=a,b
job resnet replicas=1
wait job resnet trains=1
wait pool pool desired=1 listed=1 ready=1 vms=1
status pool pool
----
Ready, 1 of 1 ready, 2 VMs requested so far, no preemption
zone b: 1 Ready
zone a: blocked, Unavailable

end
