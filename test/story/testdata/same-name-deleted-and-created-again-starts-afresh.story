# It is another training: it has nothing of the first one's attempts and checkpoints.
pool pool
job resnet interval=3s replicas=1
wait job resnet checkpoints>=1 trains=1
delete job resnet
wait gone job resnet
job resnet replicas=1
wait job resnet trains=1
wait job resnet checkpoints=0
status job resnet
----
Running, 1 of 1 active on 1 VM, no preemption
replica 0: attempt 1 Running, from the template

count job-created:resnet/0.1
----
2

wait left jobs=1
end
