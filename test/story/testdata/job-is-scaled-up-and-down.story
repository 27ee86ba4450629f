# Going down, one of those with most progress stays.
pool pool idle=2s
job resnet
wait job resnet trains=2
scale resnet replicas=3
wait job resnet trains=3
status job resnet
----
Running, 3 of 3 active on 3 VMs, no preemption
replica 0: attempt 1 Running, from the template
replica 1: attempt 1 Running, from the template
replica 2: attempt 1 Running, from the template

scale resnet replicas=1
wait job resnet trains=1
wait left jobs=1 nodes=1 operations=0 vms=1
wait pool pool desired=1 ready=1
wait seen job-dropped:resnet/2.1
order job-created:resnet/2.1 job-dropped:resnet/2.1
end
