# GCE deletes a VM after maxRunDuration, whatever the operator does. Twenty minutes before, the replica is moved like one
# that is being preempted, so that nothing is lost.
seed 1
pool pool max-run=2h
job resnet interval=15m
wait job resnet trains=2
advance 1h30m
wait job resnet trains=2
never job-dropped:resnet/0.1 job-dropped:resnet/1.1
wait replica resnet/0 attempt=2 from=checkpoint phase=Running
wait replica resnet/1 attempt=2 from=checkpoint phase=Running
wait job resnet trains=2
order job-created:resnet/0.2 job-dropped:resnet/0.1
restored resnet/0
----
from the best checkpoint of that moment

restored resnet/1
----
from the best checkpoint of that moment

end
