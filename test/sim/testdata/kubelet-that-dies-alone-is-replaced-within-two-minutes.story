# One kubelet is not heard any more, and GCE says that its VM runs. The others are heard, so it is the VM's fault: another one is
# bought a grace after Kubernetes has noticed, and the replica trains there. The VM goes when nothing on it is wanted any more.
seed 1
pool pool
job resnet interval=15m replicas=3
wait job resnet trains=3
partition resnet/1 for=2h
advance 2m
stays 1s pool pool vms=4
wait replica resnet/1 attempt=2 phase=Running
wait pool pool ready=3 vms=3
wait job resnet trains=3
end
