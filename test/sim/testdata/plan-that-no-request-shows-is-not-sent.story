# The API server is away when a VM is lost, so that no request shows the plan for another one, and the Node looks Ready for a while. When
# the zone cannot be read for a moment, the plan is kept as one that nobody needs: it is not sent.
seed 687
pool pool0 idle=1m replicas=2 zones=w,a,b,c
pool pool1 idle=5m zones=a,b
job job0 backoff-limit=1 interval=auto pool=pool0 replicas=1 retain=3 sigterm=exit143 work=200h
advance 1m47s
advance 10s
advance 8s
advance 2s
advance 4s
api down for=2m
advance 26s
preempt job0/0 notice=none
advance 15s
advance 13s
end
