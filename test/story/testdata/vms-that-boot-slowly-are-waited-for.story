# VMs that boot slowly are no failed starts.
boots slow n=2
pool pool join-timeout=60s
job resnet
wait job resnet trains=2
wait pool pool desired=2 listed=2 ready=2 vms=2
status pool pool
----
Ready, 2 of 2 ready, 2 VMs requested so far, no preemption
zone a: 2 Ready

end
