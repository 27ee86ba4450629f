# The VM that GCE is making goes, too, and no further one is asked for.
pool pool
job resnet replicas=1
wait seen vm-requested:pool/0
end
left
----
no VM, no Node, no Job, no operation in flight

count vm-requested:pool
----
1
