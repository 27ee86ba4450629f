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
wait job resnet active=1 preemptions=1
restored resnet/0
----
from the best checkpoint of that moment

end
