# Three of four zones could not be read when a VM was planned; they could when a request came that did not show the plan yet. It was
# made anew for another zone, a request that showed the first sent that, and the server died: its successor sent the second.
seed 44
pool pool1 idle=5m zones=w,a,b,c
job job1 backoff-limit=1 interval=1h pool=pool1 replicas=1 retain=3 sigterm=exit0 work=30m
pool pool0 idle=5m zones=w,a,b,c
advance 2m35s
gce operations refuse-unavailable n=3
gce list late for=10m
advance 36s
api down for=2m
crash-hooks after=2
advance 2m16s
scale job1 replicas=2
advance 31s
