# Somebody drains a Node. That is a loss, not a failure of the training, and no VM is bought for it.
pool pool
job resnet interval=4s
wait job resnet checkpoints>=1 trains=2
evict resnet/0
wait replica resnet/0 attempt=2 phase=Running
wait job resnet trains=2
restored resnet/0
----
from the best checkpoint of that moment

count vm-requested:pool
----
2

end
