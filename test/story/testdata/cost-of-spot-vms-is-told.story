# The price table of both worlds has spot VMs at a quarter of the price on demand, and at two thirds of it in region w: two of
# those cost more than one VM on demand.
pool pool idle=2s zones=a
job resnet replicas=2 work=30s
wait job resnet active=2 no-condition=CheaperOnDemand
wait job resnet phase=Succeeded
wait left nodes=0 operations=0 vms=0
cost job resnet
----
25 % of the price on demand

cost pool pool
----
25 % of the price on demand

pool dear idle=2s zones=w
job dear pool=dear replicas=2
wait job dear active=2
status job dear
----
Running, 2 of 2 active on 2 VMs, no preemption
replica 0: attempt 1 Running, from the template
replica 1: attempt 1 Running, from the template
CheaperOnDemand=True: ReplicasCostMore

message job dear CheaperOnDemand
----
spec.replicas: 2 spot VMs of SpotInstanceVM dear cost 4800.00 USD an hour, and one on-demand VM, which is not preempted, 3600.00: lower replicas, or use a SpotInstanceVM with provisioningModel Standard and one replica

end
