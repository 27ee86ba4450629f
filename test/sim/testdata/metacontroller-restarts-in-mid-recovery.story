# Everything that the hooks know is in the objects, so that whoever comes back finds it.
seed 1
pool pool
job resnet
wait job resnet trains=2
preempt resnet/0 notice=none
wait job resnet phase=Recovering
restart-metacontroller down=1m
wait replica resnet/0 attempt=2 phase=Running
wait job resnet trains=2
status job resnet
----
Running, 2 of 2 active on 2 VMs, 1 preemption
replica 0: attempt 2 Running, from a preemption checkpoint of replica 1
replica 1: attempt 1 Running, from the template

wait left jobs=2 nodes=2 operations=0 vms=2
status pool pool
----
Ready, 2 of 2 ready, 3 VMs requested so far, 1 preemption
zone a: 2 Ready

end
