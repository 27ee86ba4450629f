# A tunnel is down: the cluster hears no VM, and GCE says that all run. They train on. After five minutes one new VM is tried, which
# would be heard if it were the VMs' fault.
seed 1
pool pool
job resnet interval=5m replicas=3
wait job resnet checkpoints>=2 trains=3
partition resnet/0 for=9m
partition resnet/1 for=9m
partition resnet/2 for=9m
advance 60s
stays 4m pool pool condition=Ready:NodesSilent vms=3
wait pool pool vms=4
advance 10m
wait job resnet trains=3
wait pool pool ready=3 vms=3
end
