# It was bought, and is gone before its Node was there.
pool pool zones=a,b
job resnet interval=4s replicas=1
wait job resnet checkpoints>=1 trains=1
boots never n=1
preempt resnet/0 notice=none
wait vm pool/1 state=RUNNING
lose-vm pool/1
wait replica resnet/0 attempt=2 phase=Running
wait job resnet trains=1
restored resnet/0
----
from the best checkpoint of that moment

wait seen job-dropped:resnet/0.1
order job-created:resnet/0.2 job-dropped:resnet/0.1
order vm-gone:pool/1 vm-requested:pool/2
wait pool pool desired=1 listed=1 ready=1 vms=1
status pool pool
----
Ready, 1 of 1 ready, 3 VMs requested so far, 1 preemption
zone a: 1 Ready
zone b: blocked, Lost

end
