# Suspended and resumed in one breath: the pod of before has its grace period, and the next attempt does not start beside it.
seed 11
pool pool0
job resnet method=Application pool=pool0 sigterm=ignored
wait job resnet trains=1
suspend resnet
wait job resnet phase=Suspended
resume resnet
advance 10s
message job resnet Ready
----
0 of 1 replicas are training; replica 0 has no Job, and saves itself: its next attempt starts when pod resnet/0.1-6b7be has ended, or its VM is gone

wait replica resnet/0 attempt=2 phase=Running
end
