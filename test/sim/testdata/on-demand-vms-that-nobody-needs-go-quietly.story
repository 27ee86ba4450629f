# An on-demand VM stood in, and its job was suspended. A spot VM was planned to take its place, and dropped by the next sync, since nobody
# trained there: five times a second.
seed 136
pool pool0 fallback=1m idle=5m model=SpotWithStandardFallback zones=a,b,c
pool pool1 idle=5m replicas=2 zones=b,c,a
job job0 backoff-limit=6 interval=5m pool=pool0 replicas=3 retain=1 sigterm=exit0 work=10h
advance 57s
advance 46s
resume job0
advance 1m39s
gce insert fail-operation n=3
advance 3m58s
advance 4m16s
slow-writes delay=1s for=1m
advance 5m49s
advance 16s
agent absent for=2m
advance 2m10s
edit-pool pool0 idle=1m
advance 47s
suspend job0
advance 1m2s
agent hangs for=2m
delete-vm job0/0
advance 3m8s
advance 3m54s
