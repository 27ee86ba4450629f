# A pod asks for a label that no Node of the pool has. No VM is kept for it for longer than it takes to find that out.
pool pool idle=1m zones=a,b
job resnet replicas=1 selector=example.com/disk:ssd
advance 30m
wait pool pool vms=0
stays 20m pool pool vms=0
end
