# No zone has spot VMs. An on-demand VM stands in, and gives way once a spot VM is Ready: checkpoint, move, delete.
capacity a 0
pool pool fallback=5m model=SpotWithStandardFallback
job resnet interval=1h replicas=1
wait pool pool condition=SpotAvailable:SpotUnavailable
wait job resnet trains=1
status pool pool
----
Ready, 1 of 1 ready, 3 VMs requested so far, no preemption
zone a: 1 Ready on demand
zone a: blocked, Stockout
SpotAvailable=False: OnDemandInUse

message pool pool SpotAvailable
----
1 VMs are on demand since no zone had spot VMs for 5m0s: they give way when spot VMs are back

capacity a 1
wait pool pool condition=SpotAvailable:SpotOnly listed=1 ready=1 vms=1
wait job resnet active=1 trains=1
status pool pool
----
Ready, 1 of 1 ready, 4 VMs requested so far, no preemption
zone a: 1 Ready
SpotAvailable=True: SpotOnly

status job resnet
----
Running, 1 of 1 active on 1 VM, 1 preemption
replica 0: attempt 2 Running, from a preemption checkpoint of replica 0

end
