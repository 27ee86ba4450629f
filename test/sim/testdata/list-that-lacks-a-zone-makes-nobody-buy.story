# A zone that cannot be read is not an empty zone: its VMs are neither given up nor replaced while their Nodes are ready.
seed 1
pool pool zones=a,b
job resnet
wait job resnet trains=2
gce list partial for=20m
advance 15m
count vm-requested:pool
----
2

never job-dropped:resnet/0.1 job-dropped:resnet/1.1
advance 10m
status pool pool
----
Ready, 2 of 2 ready, 2 VMs requested so far, no preemption
zone a: 1 Ready
zone b: 1 Ready

end
