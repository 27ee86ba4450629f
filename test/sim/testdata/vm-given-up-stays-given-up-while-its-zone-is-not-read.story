# A VM was given up, and another one planned in its place. Then the API server is away, so that no request shows that, and for a moment
# the zone cannot be read. The VM stays given up: else it and the plan would be one VM too many.
seed 7
pool pool0 idle=1m notice=0s zones=a,b,c
pool pool1 idle=5m notice=0s zones=a,b
job job0 backoff-limit=6 interval=auto pool=pool0 replicas=1 retain=1 sigterm=exit0 work=200h
job job1 backoff-limit=1 interval=5m pool=pool1 replicas=3 retain=1 sigterm=exit143 work=30m
advance 1m31s
overload for=2m from=1
advance 2m9s
advance 53s
api down for=2m
advance 1m27s
end
