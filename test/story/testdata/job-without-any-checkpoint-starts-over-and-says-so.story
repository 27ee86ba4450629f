# The only replica goes before its first checkpoint. Nothing was saved, and the user is told.
pool pool
job resnet replicas=1
agent absent
wait job resnet trains=1
preempt resnet/0 notice=none
wait replica resnet/0 attempt=2 from=template phase=Running
wait job resnet condition=NoUsableCheckpoint:StartedOver trains=1
message job resnet NoUsableCheckpoint
----
replica 0 starts over from the template's image: no usable checkpoint exists

status job resnet
----
Running, 1 of 1 active on 1 VM, 1 preemption
replica 0: attempt 2 Running, from the template
NoUsableCheckpoint=True: StartedOver

end
