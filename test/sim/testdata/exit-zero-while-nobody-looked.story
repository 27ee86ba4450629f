# Both VMs of a job are preempted, one while the hooks are away: when they are back, both Jobs are Complete and no pod is
# left to show that SIGTERM ended them. It is no success.
seed 356
pool pool0 idle=5m zones=w,a,b,c
pool pool1 idle=5m replicas=1 zones=w,a,b,c
job job0 backoff-limit=6 interval=1h pool=pool0 replicas=2 retain=1 sigterm=exit0 work=30m
job job1 backoff-limit=1 interval=5m pool=pool1 replicas=1 retain=3 sigterm=exit143 work=200h
job job2 backoff-limit=6 interval=15m pool=pool0 replicas=2 retain=1 sigterm=exit143 work=10h
advance 13s
scale job1 replicas=2
advance 44s
gce insert refuse-unavailable n=3
advance 1m8s
gce insert refuse-unavailable n=1
advance 13s
resume job0
advance 1m8s
preempt job0/0 notice=none
advance 17s
resume job0
advance 7s
agent absent for=2m
advance 22s
slow-writes delay=5s for=1m
advance 3m14s
slow-writes delay=5s for=5m
advance 51s
preempt job2/1 notice=none
advance 30s
gce delete lose n=2
advance 17s
preempt job0/1
advance 1m13s
stop-hooks for=1m
advance 50s
linger for=2m
advance 2m36s
skew-hooks by=-5s for=2m
advance 10m
