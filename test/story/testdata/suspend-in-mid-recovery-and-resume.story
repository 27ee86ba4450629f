# No VM and no Job is left meanwhile. Both replicas go on from the best checkpoint, and no name is used twice.
pool pool idle=2s
job resnet interval=5s
wait job resnet checkpoints>=1 trains=2
preempt resnet/0 notice=none
wait job resnet phase=Recovering
suspend resnet
wait job resnet phase=Suspended
message job resnet Ready
----
set spec.suspend to false to continue from the best checkpoint

wait left jobs=0 nodes=0 operations=0 vms=0
wait pool pool desired=0 ready=0
resume resnet
wait job resnet preemptions=1 trains=2
wait replica resnet/0 attempt>=2
wait replica resnet/1 attempt=2
restored resnet/0
----
from the best checkpoint of that moment

restored resnet/1
----
from the best checkpoint of that moment

end
