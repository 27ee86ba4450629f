# A device plugin reports no GPUs any more. The replica that runs there does so until it is evicted; then another VM is bought, and this one goes.
pool pool idle=1m
job resnet interval=5m replicas=1
wait job resnet trains=1
lose-gpus resnet/0 for=5h
stays 10m job resnet trains=1
evict resnet/0
wait replica resnet/0 attempt=2 phase=Running
wait vm pool/0 state=gone
wait pool pool desired=1 ready=1 vms=1
end
