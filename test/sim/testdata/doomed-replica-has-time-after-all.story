# A checkpoint of a doomed replica is under way and would not quite be complete, with a quarter of the rest to spare, before the
# VM stops. The quarter shrinks with the rest: the job is asked again when it fits.
seed 1063
pool pool0 fallback=10m idle=5m model=SpotWithStandardFallback zones=a,b,c
pool pool1 idle=1m zones=b,c,a
job job0 backoff-limit=1 interval=1h pool=pool0 replicas=1 retain=1 sigterm=exit0 work=10h
job job1 backoff-limit=6 interval=5m pool=pool1 replicas=3 retain=1 sigterm=exit0 work=2h
advance 11s
advance 5m43s
advance 9m40s
advance 12s
advance 19s
advance 6m39s
advance 34s
preempt job1/0
advance 3m22s
