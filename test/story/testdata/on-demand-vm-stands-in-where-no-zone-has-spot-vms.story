# It is bought once no zone has had spot VMs for a while, and it is no more than one.
capacity a 0
capacity b 0
pool pool fallback=1m model=SpotWithStandardFallback zones=a,b
wait pool pool desired=0
job resnet interval=1h replicas=1
wait pool pool condition=SpotAvailable:SpotUnavailable
wait pool pool condition=SpotAvailable:OnDemandInUse ready=1
wait job resnet active=1 trains=1
status pool pool
----
Ready, 1 of 1 ready, 3 VMs requested so far, no preemption
zone a: 1 Ready on demand
zone a: blocked, Stockout
zone b: blocked, Stockout
SpotAvailable=False: OnDemandInUse

end
