# Kueue, or somebody, suspends the Job of a replica that trains. No VM is kept for it, no attempt follows, and it goes on when it is resumed.
pool pool idle=1m
job resnet interval=5m replicas=1
wait job resnet trains=1
suspend-child resnet/0 for=25m
wait replica resnet/0 reason=SuspendedByOthers
wait pool pool desired=0 vms=0
stays 15m replica resnet/0 attempt=1 reason=SuspendedByOthers
wait job resnet trains=1
wait replica resnet/0 attempt=1 phase=Running
end
