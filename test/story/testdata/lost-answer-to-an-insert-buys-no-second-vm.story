# GCE made the VM, and nobody was told.
gce insert lose
pool pool
job resnet replicas=1
wait job resnet trains=1
count vm-requested:pool
----
1

end
