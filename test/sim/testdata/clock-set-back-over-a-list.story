# The hooks' clock went 30 s ahead and back: a list from the future stayed fresh for as long, and a VM that it did not show was
# called lost.
seed 165
pool pool0 idle=5m max-run=2h zones=c,w,a
pool pool1 idle=5m max-run=2h zones=c,w,a
job job0 backoff-limit=1 interval=auto pool=pool0 replicas=3 retain=3 sigterm=exit0 work=200h
job job1 backoff-limit=1 interval=1h pool=pool1 replicas=2 retain=3 sigterm=exit0 work=2h
advance 5m40s
preempt job1/0 notice=none
stop job0/2
advance 21s
preempt job0/1 notice=none
advance 28s
resync-wave
advance 49s
skew-hooks by=30s for=2m
advance 22s
advance 1m39s
preempt job0/1 notice=none
advance 4m23s
