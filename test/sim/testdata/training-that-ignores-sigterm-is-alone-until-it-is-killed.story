# A training that ignores SIGTERM has the whole notice. Its next attempt waits until it is killed, though a VM is free by then, and says so.
seed 3
pool pool0
job resnet method=Application pool=pool0 sigterm=ignored
wait job resnet trains=1
preempt resnet/0
advance 90s
wait replica resnet/0 attempt=1 phase=Lost
message job resnet Ready
----
0 of 1 replicas are training; replica 0 lost its VM, and saves itself: its next attempt starts when pod resnet/0.1-6b7be has ended, or its VM is gone

wait replica resnet/0 attempt=2 phase=Running
end
