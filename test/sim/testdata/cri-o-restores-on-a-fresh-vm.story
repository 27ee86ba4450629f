# CRI-O restores a checkpoint only on a VM that has the image it was made from. The new VM never ran it: a volume of type image lets
# the kubelet pull it.
runtime cri-o
pool pool
job resnet interval=5m replicas=1
wait job resnet checkpoints>=1 trains=1
preempt resnet/0 notice=none
wait replica resnet/0 attempt=2 phase=Running
status job resnet
----
Running, 1 of 1 active on 1 VM, 1 preemption
replica 0: attempt 2 Running, from a scheduled checkpoint

wait job resnet more-checkpoints>=1
preempt resnet/0 notice=none
wait replica resnet/0 attempt=3 phase=Running
status job resnet
----
Running, 1 of 1 active on 1 VM, 2 preemptions
replica 0: attempt 3 Running, from a scheduled checkpoint

end
