# One ends, its VM goes, and the other trains on as if nothing had happened.
pool pool idle=2s
job short replicas=1 work=60s
job long
wait job long trains=2
wait job short trains=1
wait pool pool desired=3 listed=3 ready=3 vms=3
status pool pool
----
Ready, 3 of 3 ready, 3 VMs requested so far, no preemption
zone a: 3 Ready

wait job short phase=Succeeded
wait pool pool desired=2 ready=2 vms=2
wait job long trains=2
status job long
----
Running, 2 of 2 active on 2 VMs, no preemption
replica 0: attempt 1 Running, from the template
replica 1: attempt 1 Running, from the template

end
