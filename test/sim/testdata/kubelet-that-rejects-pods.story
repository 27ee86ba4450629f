# A kubelet rejects each pod, since its device plugin has no GPU for it. The replica trains when that is over, if not before.
pool pool idle=1m zones=a,b
job resnet interval=5m replicas=1
wait job resnet trains=1
reject resnet/0 for=10m
evict resnet/0
wait replica resnet/0 attempt=3
wait job resnet trains=1
end
