# With a pod cache 20 s behind, a Job has failed and its pod still looks alive: the eviction that ended it is not to be
# seen yet. It is no failure of the training.
seed 1028
pool pool1 idle=5m zones=b,c,a
job job1 backoff-limit=1 interval=5m pool=pool1 replicas=2 retain=1 sigterm=exit143 work=30m
advance 2m29s
stale-cache Pod delay=20s for=5m
evict job1/0
advance 2m6s
advance 5m
