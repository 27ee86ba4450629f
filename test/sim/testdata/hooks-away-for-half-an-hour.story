# The hooks are away for half an hour. Metacontroller's back-off has grown to 1,000 s when they return, and a VM has been preempted
# meanwhile: its replacement is asked for within 30 s, since every pool is synced every 20 s whatever its back-off.
seed 1
pool pool
job resnet interval=5m
wait job resnet checkpoints>=2 trains=2
stop-hooks for=30m
preempt resnet/0 notice=none
advance 30m30s
status pool pool
----
Provisioning, 1 of 2 ready, 3 VMs requested so far, 1 preemption
zone a: 1 Creating
zone a: 1 Ready
Ready=False: Provisioning

wait replica resnet/0 attempt=2 from=checkpoint phase=Running
wait job resnet trains=2
end
