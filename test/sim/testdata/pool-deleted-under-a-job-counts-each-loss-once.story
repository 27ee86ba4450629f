# Its VMs go, then the pool, and for some seconds more the pods look as if they ran. Each replica lost one attempt, and none is said to train.
pool pool
job resnet interval=5m replicas=2
wait job resnet trains=2
advance 12m
delete pool pool
wait gone pool pool
status job resnet
----
Recovering, 0 of 2 active on no VM, 2 preemptions
replica 0: attempt 1 Lost, from the template
replica 1: attempt 1 Lost, from the template
Ready=False: PoolNotFound

advance 3m
status job resnet
----
Recovering, 0 of 2 active on no VM, 2 preemptions
replica 0: attempt 1 Lost, from the template
replica 1: attempt 1 Lost, from the template
Ready=False: PoolNotFound

pool pool
wait job resnet trains=2
status job resnet
----
Running, 2 of 2 active on 2 VMs, 2 preemptions
replica 0: attempt 2 Running, from a scheduled checkpoint
replica 1: attempt 2 Running, from a scheduled checkpoint

end
