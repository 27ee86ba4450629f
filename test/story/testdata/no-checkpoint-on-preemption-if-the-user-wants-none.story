# The replica goes on from the best checkpoint at hand, and the survivor is not frozen for it.
pool pool
job resnet interval=6s on-preemption=None
wait job resnet checkpoints>=1 trains=2
preempt resnet/0 notice=none
wait replica resnet/0 attempt=2 from=checkpoint phase=Running
wait job resnet preemptions=1 trains=2
restored resnet/0
----
from the best checkpoint of that moment

never checkpoint-asked:preemption job-dropped:resnet/1.1
end
