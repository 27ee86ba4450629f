# A trainer that traps SIGTERM exits 0 on its dying VM. Its pod is collected, and status forgets that it was lost, while
# its successor waits for the rescue checkpoint: nothing shows any more that the Job's completion was no success.
seed 107
pool pool0 idle=5m notice=0s zones=a,b,c
pool pool1 idle=1m zones=c,w,a
job job1 backoff-limit=1 interval=15m pool=pool1 replicas=3 retain=3 sigterm=exit0 work=10h
advance 1m21s
advance 5s
advance 1m7s
preempt job1/2 notice=none
advance 4s
advance 20s
delete-secret for=5m
advance 18s
preempt job0/2
advance 4s
rollback job1
advance 1m8s
preempt job1/1 notice=none
advance 10m
