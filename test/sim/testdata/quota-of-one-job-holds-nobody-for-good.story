# A quota has room for one Job. The replica's VM is lost, and its next Job is refused, since the old one is kept until that is there. After some
# refusals the old one makes room, and what it knew is not lost with it: the loss is counted once, with the training that it cost.
quota jobs 1 for=10h
pool pool
job resnet interval=5m replicas=1
wait job resnet trains=1
advance 12m
preempt resnet/0 notice=none
advance 1m
wait job resnet says=Ready:is_deleted_after_some_refusals
wait replica resnet/0 attempt=2 phase=Running
status job resnet
----
Running, 1 of 1 active on 1 VM, 1 preemption
replica 0: attempt 2 Running, from a preemption checkpoint of replica 0

end
