# Nobody is left to be frozen, so nobody waits: both go on from the best checkpoint that there is.
pool pool
job resnet interval=6s
wait job resnet checkpoints>=2 trains=2
preempt resnet/0 notice=none
preempt resnet/1 notice=none
wait replica resnet/0 attempt=2 phase=Running
wait replica resnet/1 attempt=2 phase=Running
wait job resnet preemptions=2 trains=2
restored resnet/0
----
from the best checkpoint of that moment

restored resnet/1
----
from the best checkpoint of that moment

wait seen job-dropped:resnet/0.1
order job-created:resnet/0.2 job-dropped:resnet/0.1
wait seen job-dropped:resnet/1.1
order job-created:resnet/1.2 job-dropped:resnet/1.1
wait pool pool desired=2 listed=2 ready=2 vms=2
status pool pool
----
Ready, 2 of 2 ready, 4 VMs requested so far, 2 preemptions
zone a: 2 Ready

end
