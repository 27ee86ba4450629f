# A second plan for the same VM, in another zone, was made before Metacontroller had shown the first. Lists that lag do not show
# the VM yet when that plan is read: no second VM of its name is made.
seed 584
pool pool0 idle=5m notice=0s zones=b,c,a
pool pool1 idle=1m notice=0s zones=b,c,a
job job0 backoff-limit=6 interval=auto pool=pool0 replicas=2 retain=3 sigterm=exit143 work=200h
job job1 backoff-limit=6 interval=15m pool=pool1 replicas=3 retain=1 sigterm=exit0 work=10h
advance 59s
advance 11s
skew-hooks by=5s for=20m
advance 5s
advance 13s
gce insert delay for=2m
slow-writes delay=5s for=1m
advance 23s
resume job0
advance 31s
preempt job1/0 notice=none
advance 42s
boots slow n=2
advance 20s
delete-backup job1
advance 10s
preempt job0/0 notice=none
advance 53s
resume job0
advance 36s
advance 20s
resync-wave
advance 11s
crash-hooks after=1
advance 40s
advance 6s
preempt job1/2 notice=none
advance 35s
gce list late for=10m
advance 8s
exit job0/1 code=1
advance 45s
slow-writes delay=1s for=1m
advance 23s
preempt job1/1
advance 32s
