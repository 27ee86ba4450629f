# Trainers catch SIGTERM and exit 0. The checkpoint takes longer than the end of a pod needs to be believed, so that the
# attempt that exited 0 is judged before it is replaced.
agent works duration=28s
pool pool
job resnet sigterm=exit0
wait job resnet trains=2
preempt resnet/0 notice=none
wait replica resnet/0 attempt=2 phase=Running
wait job resnet preemptions=1 trains=2
never phase:resnet:Succeeded
status job resnet
----
Running, 2 of 2 active on 2 VMs, 1 preemption
replica 0: attempt 2 Running, from a preemption checkpoint of replica 1
replica 1: attempt 1 Running, from the template

end
