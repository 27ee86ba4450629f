# An overloaded API server hears Nodes late. A VM was given up, was heard again, and falls silent once more: it is waited for anew.
seed 42
pool pool0 idle=1m zones=b,c,a
job job1 backoff-limit=6 interval=1h pool=pool1 replicas=1 retain=1 sigterm=exit0 work=30m
job job2 backoff-limit=6 interval=5m pool=pool0 replicas=3 retain=1 sigterm=exit0 work=200h
gce insert hang n=3
advance 5m19s
preempt job2/0
advance 3s
overload for=5m from=1
rest
end
