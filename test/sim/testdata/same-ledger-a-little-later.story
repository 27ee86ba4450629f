# A pod that had its notice is evicted while the API server is away. Its successor is asked for twice, and the second call must
# not count more training as lost because time has passed.
seed 110
pool pool0 idle=5m zones=b,c,a
pool pool1 idle=5m zones=c,w,a
job job0 backoff-limit=1 interval=15m pool=pool0 replicas=2 retain=3 sigterm=exit143 work=200h
job job1 backoff-limit=1 interval=5m pool=pool1 replicas=2 retain=1 sigterm=exit0 work=10h
job job2 backoff-limit=1 interval=1h pool=pool0 replicas=1 retain=1 sigterm=exit143 work=30m
advance 20s
advance 16s
advance 17s
advance 15s
advance 1m11s
preempt job2/0
advance 28s
api down for=2m
evict job2/0
advance 14s
