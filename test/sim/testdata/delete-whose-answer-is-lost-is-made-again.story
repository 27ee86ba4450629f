# A VM that nobody needs goes, however often GCE does not answer.
seed 1
pool pool idle=1m
job resnet replicas=1 work=10m
wait job resnet trains=1
gce delete refuse-unavailable n=2
gce delete hang
gce delete lose
wait job resnet phase=Succeeded
wait left jobs=1 nodes=0 operations=0 vms=0
wait pool pool desired=0 ready=0
count vm-requested:pool
----
1

end
