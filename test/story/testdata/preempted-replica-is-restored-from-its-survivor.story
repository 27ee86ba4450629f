# One of two replicas loses its VM. The survivor is frozen, not the one that dies, and the replacement VM boots meanwhile.
# The successor goes on from that checkpoint, and the lost Job stays until it is there. Nothing happens to the survivor.
agent works duration=4s
pool pool
job resnet
wait job resnet trains=2
preempt resnet/0 notice=none
wait replica resnet/0 attempt=2 phase=Running
wait job resnet trains=2
wait left jobs=2 nodes=2 operations=0 vms=2
wait pool pool desired=2 ready=2
status job resnet
----
Running, 2 of 2 active on 2 VMs, 1 preemption
replica 0: attempt 2 Running, from a preemption checkpoint of replica 1
replica 1: attempt 1 Running, from the template

wait pool pool desired=2 listed=2 ready=2 vms=2
status pool pool
----
Ready, 2 of 2 ready, 3 VMs requested so far, 1 preemption
zone a: 2 Ready

wait seen job-dropped:resnet/0.1
order vm-stopping:pool checkpoint-asked:preemption checkpoint-completed:preemption job-created:resnet/0.2 job-dropped:resnet/0.1
order vm-stopping:pool vm-requested:pool/2 checkpoint-completed:preemption
never job-dropped:resnet/1.1
end
