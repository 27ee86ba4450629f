# GCE says an hour before that it will maintain the host. The replica is checkpointed where it is, while it trains, and goes on
# elsewhere; its VM is given back as soon as nothing trains on it.
agent works duration=500ms
pool pool
job resnet interval=1h replicas=1
wait job resnet trains=1
maintain resnet/0
wait replica resnet/0 attempt=2 phase=Running
restored resnet/0
----
from the best checkpoint of that moment

wait pool pool desired=1 listed=1 ready=1 vms=1
order job-created:resnet/0.2 vm-gone:pool/0
wait job resnet preemptions=1 trains=1
status job resnet
----
Running, 1 of 1 active on 1 VM, 1 preemption
replica 0: attempt 2 Running, from a preemption checkpoint of replica 0

end
