# GCE tells the VM first, and the node agent tells the cluster: replacement and checkpoint are under way while the VM still
# trains. What shows of the preemption later is no second one.
agent works duration=500ms
pool pool
job resnet interval=4s
wait job resnet checkpoints>=1 trains=2
preempt resnet/0
wait replica resnet/0 attempt=2 phase=Running
restored resnet/0
----
from the best checkpoint of that moment

wait pool pool desired=2 listed=2 ready=2 vms=2
order vm-requested:pool/2 vm-stopping:pool
order job-created:resnet/0.2 vm-stopping:pool
wait job resnet preemptions=1 trains=2
status pool pool
----
Ready, 2 of 2 ready, 3 VMs requested so far, 1 preemption
zone a: 2 Ready

end
