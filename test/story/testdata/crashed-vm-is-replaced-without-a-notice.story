# Nobody says anything: the VM is just gone.
pool pool
job resnet interval=5s
wait job resnet checkpoints>=1 trains=2
crash resnet/1
wait replica resnet/1 attempt=2 phase=Running
wait job resnet preemptions=1 trains=2
restored resnet/1
----
from the best checkpoint of that moment

never job-dropped:resnet/0.1
end
