# Somebody cleans up in the console. That is a loss like any other.
pool pool
job resnet interval=5s
wait job resnet checkpoints>=1 trains=2
delete-vm resnet/1
wait replica resnet/1 attempt=2 from=checkpoint phase=Running
wait job resnet trains=2
wait left jobs=2 nodes=2 operations=0 vms=2
restored resnet/1
----
from the best checkpoint of that moment

never job-dropped:resnet/0.1
end
