# A tunnel is down: the cluster hears neither VM, and GCE says that both run. They train on. One new VM is tried, which would be
# heard if it were the VMs' fault.
seed 1
pool pool idle=1m
job resnet interval=5m
wait job resnet checkpoints>=2 trains=2
never job-created:resnet/0.2 job-created:resnet/1.2
partition resnet/0 for=4m
partition resnet/1 for=4m
wait pool pool condition=Ready:NodesSilent vms=3
advance 4m
wait job resnet preemptions=0 trains=2
wait pool pool ready=2 vms=2
end
