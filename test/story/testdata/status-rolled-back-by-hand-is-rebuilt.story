# Status is a cache: written back to what it was before, it is rebuilt from what exists, and nothing is made twice. What is
# put back names the VM that is lost later: once that VM is gone, only status can tell that it was the pool's.
pool pool
job resnet interval=4s
wait job resnet trains=2
wait pool pool desired=2 listed=2 ready=2 vms=2
note-status pool pool
note-status job resnet
wait job resnet checkpoints>=1
preempt resnet/0 notice=none
wait replica resnet/0 attempt=2 phase=Running
wait job resnet preemptions=1 trains=2
wait pool pool desired=2 ready=2 vms=2
wait left jobs=2 nodes=2 operations=0 vms=2
put-back-status pool pool
put-back-status job resnet
wait pool pool desired=2 listed=2 preemptions=1 ready=2 vms=2
wait job resnet preemptions=1 trains=2
stays 5s left jobs=2 nodes=2 operations=0 vms=2
stays 1s pool pool preemptions=1 ready=2
status pool pool
----
Ready, 2 of 2 ready, 3 VMs requested so far, 1 preemption
zone a: 2 Ready

never job-created:resnet/0.3 job-created:resnet/1.2
end
