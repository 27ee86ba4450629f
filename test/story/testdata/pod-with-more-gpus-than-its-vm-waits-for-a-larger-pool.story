# A pod that asks for more GPUs than the VMs of its pool have would wait for ever, on a VM bought for it. Its job makes no Job
# and so no demand, and says both ways out. Here the user takes the second: a pool of larger VMs.
pool pool
job resnet gpus=4 replicas=2
wait job resnet condition=SpecValid:PodDoesNotFit
message job resnet SpecValid
----
spec.jobTemplate.spec.template.spec: asks for 4 nvidia.com/gpu, and VMs of SpotInstanceVM pool have 1: lower it, delete this SpotInstanceJob and apply it again (the training starts from zero), or give the SpotInstanceVM spec.gpu.count 4 and a machine type to match

status job resnet
----
Invalid, 0 of 2 active on no VM, no preemption
Ready=False: SpecInvalid
SpecValid=False: PodDoesNotFit

stays 5s left jobs=0 vms=0
wait pool pool desired=0
never job-created:resnet/0.1 vm-requested:pool
edit-pool pool gpus=4 machine=g2-standard-48
wait job resnet trains=2
wait pool pool phase=Ready ready=2
status job resnet
----
Running, 2 of 2 active on 2 VMs, no preemption
replica 0: attempt 1 Running, from the template
replica 1: attempt 1 Running, from the template

status pool pool
----
Ready, 2 of 2 ready, 2 VMs requested so far, no preemption
zone a: 2 Ready

end
