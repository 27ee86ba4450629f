# A stopped VM keeps its disk and its name, and is billed for them. It goes, and another one comes.
pool pool
job resnet interval=5s
wait job resnet checkpoints>=1 trains=2
stop resnet/0
wait replica resnet/0 attempt=2 from=checkpoint phase=Running
wait job resnet trains=2
wait left jobs=2 nodes=2 operations=0 vms=2
count vm-requested:pool
----
3

never job-dropped:resnet/1.1
end
