# Ten hours of training, preempted with and without a notice, crashed, drained and failed: what it has saved itself is never trained again, so it
# ends in time. Exit 0 after SIGTERM did not end it before.
seed 7
pool pool0
job resnet method=Application pool=pool0 sigterm=exit0 work=10h
wait job resnet trains=1
advance 2h
preempt resnet/0
wait replica resnet/0 attempt=2 phase=Running
advance 2h
preempt resnet/0 notice=none
wait replica resnet/0 attempt=3 phase=Running
advance 2h
crash resnet/0
wait replica resnet/0 attempt=4 phase=Running
advance 1h
evict resnet/0
wait replica resnet/0 attempt=5 phase=Running
advance 2h
exit resnet/0 code=1
wait replica resnet/0 attempt=6 phase=Running
never phase:resnet:Succeeded
advance 1h
wait job resnet phase=Succeeded
status job resnet
----
Succeeded, 0 of 1 active on no VM, 4 preemptions, completed
replica 0: attempt 6 Succeeded, from the template, 1 failure
Complete=True: TrainingCompleted

end
