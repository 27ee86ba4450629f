# A Node that the user has labelled for the pool serves one replica, so one VM fewer is bought, also when that VM is lost. Nobody
# ever drains or deletes the Node: not when its job goes, and not when its pool does.
pool pool idle=1s
node dgx gpus=8
wait node dgx ready=True taints=0
job resnet replicas=2
wait job resnet trains=2
wait pool pool phase=Ready ready=1
status job resnet
----
Running, 2 of 2 active on 2 VMs, no preemption
replica 0: attempt 1 Running, from the template
replica 1: attempt 1 Running, from the template

status pool pool
----
Ready, 1 of 1 ready, 1 VM requested so far, no preemption
zone a: 1 Ready

lose-vm pool/0
wait job resnet preemptions=1
wait job resnet trains=2
wait pool pool phase=Ready ready=1 vms=1
stays 3s node dgx ready=True taints=0
status pool pool
----
Ready, 1 of 1 ready, 2 VMs requested so far, no preemption
zone a: 1 Ready

delete job resnet
wait left jobs=0 nodes=0 vms=0
wait pool pool listed=0
stays 3s node dgx ready=True taints=0
delete pool pool
wait gone pool pool
stays 3s node dgx ready=True taints=0
end
