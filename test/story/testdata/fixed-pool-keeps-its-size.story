# Without a job. What GCE takes back is replaced, and users say how many there are.
pool pool idle=2s replicas=2
wait pool pool desired=2 ready=2 vms=2
preempt-zone a
wait pool pool preemptions=2
wait pool pool desired=2 listed=2 ready=2 vms=2
status pool pool
----
Ready, 2 of 2 ready, 4 VMs requested so far, 2 preemptions
zone a: 2 Ready

scale pool replicas=3
wait pool pool desired=3 ready=3 vms=3
scale pool replicas=0
wait left jobs=0 nodes=0 operations=0 vms=0
end
