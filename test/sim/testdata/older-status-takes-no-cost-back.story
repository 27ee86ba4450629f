# Two VMs are lost, and writes take five seconds: a status is written over a newer one, and the call after that goes on from what the API
# server has. What was spent by the newer one is not taken back.
seed 251
pool pool0 idle=1m max-run=2h zones=c,w,a
pool pool1 idle=5m zones=a,b
job job0 backoff-limit=1 interval=15m pool=pool0 replicas=1 retain=3 sigterm=exit0 work=10h
job job1 backoff-limit=6 interval=1h pool=pool1 replicas=3 retain=1 sigterm=exit0 work=2h
job job2 backoff-limit=6 interval=auto pool=pool0 replicas=3 retain=3 shm=yes sigterm=exit0 work=200h
advance 44s
crash-hooks after=2
preempt-zone c
advance 19s
advance 50s
advance 1m13s
advance 1m20s
preempt-zone w
advance 1m20s
slow-writes delay=5s for=5m
advance 6s
preempt job2/0
rest
