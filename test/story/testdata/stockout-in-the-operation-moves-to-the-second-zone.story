# GCE takes the order and fails it later. Then the next zone is asked, and the first one is left alone for a while.
capacity a 0
pool pool zones=a,b
job resnet replicas=1
wait job resnet trains=1
order vm-requested:zone-a vm-requested:zone-b
wait pool pool desired=1 listed=1 ready=1 vms=1
status pool pool
----
Ready, 1 of 1 ready, 2 VMs requested so far, no preemption
zone b: 1 Ready
zone a: blocked, Stockout

end
