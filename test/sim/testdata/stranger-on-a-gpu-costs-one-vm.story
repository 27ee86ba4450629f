# Somebody else's pod takes the GPU of a replica that was evicted. One more VM is tried, in the other zone. The stranger's goes: it is drained.
pool pool idle=1m zones=a,b
job resnet interval=5m replicas=1
wait job resnet trains=1
stranger for=5h
evict resnet/0
wait replica resnet/0 reason=Unschedulable
wait replica resnet/0 attempt=2 phase=Running
wait vm pool/0 state=gone
wait pool pool desired=1 ready=1 vms=1
stays 10m job resnet trains=1
end
