# The job waits for a pool of that name. The pool that is applied then is another one: its VMs have other names, but the
# training goes on.
pool pool
job resnet interval=3s replicas=1
wait job resnet checkpoints>=1 trains=1
delete pool pool
wait gone pool pool
wait left nodes=0 operations=0 vms=0
wait job resnet condition=Ready:PoolNotFound says=Ready:does_not_exist
pool pool
wait replica resnet/0 attempt=2 phase=Running
wait job resnet trains=1
restored resnet/0
----
from the best checkpoint of that moment

status job resnet
----
Running, 1 of 1 active on 1 VM, 1 preemption
replica 0: attempt 2 Running, from a scheduled checkpoint

wait pool pool desired=1 listed=1 ready=1 vms=1
status pool pool
----
Ready, 1 of 1 ready, 2 VMs requested so far, no preemption
zone a: 1 Ready

end
