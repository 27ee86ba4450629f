# A ResourceQuota allows no pod. The VM that was bought meanwhile goes, the replica says that it has no pod, and trains when it may.
quota pods 0 for=20m
pool pool idle=1m
job resnet replicas=1
wait replica resnet/0 reason=NoPod
wait pool pool desired=0 vms=0
stays 10m replica resnet/0 attempt=1 reason=NoPod
wait job resnet trains=1
end
