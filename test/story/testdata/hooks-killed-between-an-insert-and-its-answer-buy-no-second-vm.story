# The insert was written ahead, so that whoever comes next knows of it.
crash-hooks after=1
pool pool
job resnet replicas=1
wait job resnet trains=1
count vm-requested:pool
----
1

end
