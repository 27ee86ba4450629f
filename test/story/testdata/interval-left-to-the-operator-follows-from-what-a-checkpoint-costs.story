# Five minutes until it is known what a checkpoint costs; then what the cost and the losses make of it.
pool pool
job resnet interval=auto
wait job resnet cost=unknown interval=300 trains=2
preempt resnet/0 notice=none
wait job resnet checkpoints>=1 cost>=1 interval>=60
wait job resnet trains=2
restored resnet/0
----
from the best checkpoint of that moment

end
