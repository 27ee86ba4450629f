# Nothing is paid for meanwhile, and the checkpoint that suspend made is still the best.
seed 1
pool pool
job resnet interval=1h replicas=1
wait job resnet trains=1
advance 90m
suspend resnet
wait job resnet phase=Suspended
wait left jobs=0 nodes=0 operations=0 vms=0
advance 168h
left
----
no VM, no Node, no Job, no operation in flight

resume resnet
wait job resnet trains=1
status job resnet
----
Running, 1 of 1 active on 1 VM, no preemption
replica 0: attempt 2 Running, from a suspend checkpoint of replica 0

restored resnet/0
----
from the best checkpoint of that moment

end
