# It says which, and makes nothing meanwhile.
job resnet replicas=1
wait job resnet condition=Ready:PoolNotFound
message job resnet Ready
----
spec.spotInstanceVMRef: SpotInstanceVM pool does not exist in namespace NAMESPACE: apply it

stays 3s left backups=0 jobs=0 nodes=0 operations=0 vms=0
never checkpoint-asked:scheduled job-created:resnet/0.1 vm-requested:pool
pool pool
wait job resnet trains=1
end
