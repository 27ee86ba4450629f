# Somebody drains a replica's Node for hours. Nobody can use its VM: another one is bought, and this one goes when it has been idle for idleTimeout.
pool pool idle=1m
job resnet interval=5m replicas=1
wait job resnet trains=1
cordon resnet/0 drain=yes for=5h
wait replica resnet/0 attempt=2 phase=Running
wait vm pool/0 state=gone
wait pool pool desired=1 ready=1 vms=1
stays 10m job resnet trains=1
end
