# Nobody hears of the loss for two minutes. Then it is as if it had happened just now.
seed 1
pool pool
job resnet interval=5m
wait job resnet checkpoints>=2 trains=2
api down for=2m
crash resnet/0
wait replica resnet/0 attempt=2 from=checkpoint phase=Running
wait job resnet trains=2
restored resnet/0
----
from the best checkpoint of that moment

never job-dropped:resnet/1.1
end
