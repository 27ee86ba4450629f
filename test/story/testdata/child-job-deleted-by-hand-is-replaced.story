# The replica goes on from a checkpoint, on the VM that it had; the other replica trains on.
pool pool
job resnet interval=4s
wait job resnet checkpoints>=1 trains=2
delete-child resnet/0
wait replica resnet/0 attempt=2 phase=Running
wait job resnet trains=2
restored resnet/0
----
from the best checkpoint of that moment

never job-dropped:resnet/1.1
wait pool pool desired=2 listed=2 ready=2 vms=2
status pool pool
----
Ready, 2 of 2 ready, 2 VMs requested so far, no preemption
zone a: 2 Ready

end
