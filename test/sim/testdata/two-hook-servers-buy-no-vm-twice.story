# Each has a memory of its own, and both are asked in turns.
seed 1
two-hook-servers for=1h
duplicate-syncs for=1h
pool pool
job resnet replicas=3
wait job resnet trains=3
count vm-requested:pool
----
3

preempt resnet/1 notice=none
wait replica resnet/1 attempt=2 phase=Running
wait job resnet trains=3
count vm-requested:pool
----
4

end
