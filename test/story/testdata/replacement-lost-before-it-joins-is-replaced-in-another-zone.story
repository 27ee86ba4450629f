# It was bought, and is gone before its Node was there.
pool pool zones=a,b
job resnet interval=4s
wait job resnet checkpoints>=1 trains=2
boots never n=1
preempt resnet/0 notice=none
wait vm pool/2 state=RUNNING
lose-vm pool/2
wait replica resnet/0 attempt=2 phase=Running
wait job resnet trains=2
restored resnet/0
----
from the best checkpoint of that moment

wait seen job-dropped:resnet/0.1
order job-created:resnet/0.2 job-dropped:resnet/0.1
order vm-gone:pool/2 vm-requested:pool/3
wait pool pool desired=2 listed=2 ready=2 vms=2
status pool pool
----
Ready, 2 of 2 ready, 4 VMs requested so far, 1 preemption
zone a: 1 Ready
zone b: 1 Ready
zone b: blocked, Lost

end
