# A machine type that takes no such GPU and no such disk is no reason to call GCE: the pool says what to write instead, the
# job repeats it, and no VM is asked for. Once the user has mended the spec, it goes on.
pool pool disk=hyperdisk-balanced gpu=nvidia-l4 machine=n1-standard-8
job resnet replicas=1
wait pool pool condition=SpecValid:Invalid
message pool pool SpecValid
----
spec.gcp.diskType: n1 machine types take no hyperdisk-balanced: use pd-balanced, pd-ssd or pd-standard, or leave it unset; spec.gpu.type: GCE attaches no nvidia-l4 to n1 machine types: use nvidia-tesla-t4, nvidia-tesla-p4, nvidia-tesla-v100 or nvidia-tesla-p100, or a machine type that comes with other GPUs, such as g2-standard-8

wait job resnet condition=Ready:ReplicasPending says=Ready:spec.gpu.type
wait pool pool desired=1
status pool pool
----
Invalid, 0 of 1 ready, no VM requested so far, no preemption
Ready=False: Invalid
SpecValid=False: Invalid

status job resnet
----
Pending, 0 of 1 active on no VM, no preemption
replica 0: attempt 1 Pending, from the template
Ready=False: ReplicasPending

stays 5s pool pool listed=0 vms=0
never vm-requested:pool
edit-pool pool disk=pd-ssd gpu=nvidia-tesla-t4 gpus=3
wait pool pool says=SpecValid:spec.gpu.count
message pool pool SpecValid
----
spec.gpu.count: GCE does not attach 3 nvidia-tesla-t4 to one VM: use 1, 2 or 4

stays 3s pool pool listed=0 vms=0
never vm-requested:pool
edit-pool pool gpus=1
wait job resnet trains=1
wait pool pool phase=Ready ready=1
status pool pool
----
Ready, 1 of 1 ready, 1 VM requested so far, no preemption
zone a: 1 Ready

end
