# A Node is not heard for two minutes, which asks for a checkpoint of another replica, and comes back. When its VM is preempted
# later, that checkpoint is old: it was pruned, and its name was used again; or it was kept, and no new one was made.
seed 641877625
pool pool0 fallback=10m idle=1m model=SpotWithStandardFallback zones=a,b,c
pool pool1 idle=1m notice=0s zones=c,w,a
job job0 backoff-limit=6 interval=15m pool=pool0 replicas=1 retain=1 sigterm=exit0 work=30m
job job1 backoff-limit=6 interval=15m pool=pool1 replicas=3 retain=1 sigterm=exit0 work=10h
job job2 backoff-limit=6 interval=15m pool=pool0 replicas=3 retain=1 sigterm=exit0 work=200h
advance 3m11s
partition job2/1 for=2m
advance 3m0s
advance 2m26s
advance 4m54s
advance 2m7s
advance 5m58s
advance 25s
preempt-zone c
advance 2m52s
