# The other replica is dropped, the Job that succeeded stays to be looked at, and the pool scales to zero.
pool pool idle=2s
job resnet replicas=1 work=60s
wait job resnet trains=1
scale resnet replicas=2
wait job resnet trains=2
status job resnet
----
Running, 2 of 2 active on 2 VMs, no preemption
replica 0: attempt 1 Running, from the template
replica 1: attempt 1 Running, from the template

wait job resnet condition=Complete:TrainingCompleted phase=Succeeded
wait left jobs=1 nodes=0 operations=0 vms=0
wait pool pool desired=0 ready=0
status job resnet
----
Succeeded, 0 of 2 active on no VM, no preemption, completed
replica 0: attempt 1 Succeeded, from the template
Complete=True: TrainingCompleted

message job resnet Complete
----
Job resnet/0.1 completed the training

never job-dropped:resnet/0.1
end
