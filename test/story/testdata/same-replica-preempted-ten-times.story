# Five losses in a row that come before two minutes of training make the sixth attempt wait, and a condition tells. Two
# minutes of training in between, and the count starts again. The survivor trains on throughout.
pool pool
job resnet interval=10s
wait job resnet checkpoints>=1 trains=2
preempt resnet/0 notice=none
wait replica resnet/0 attempt=2 from=checkpoint phase=Running
preempt resnet/0 notice=none
wait replica resnet/0 attempt=3 from=checkpoint phase=Running
preempt resnet/0 notice=none
wait replica resnet/0 attempt=4 from=checkpoint phase=Running
preempt resnet/0 notice=none
wait replica resnet/0 attempt=5 from=checkpoint phase=Running
stays 2m10s replica resnet/0 attempt=5 phase=Running
preempt resnet/0 notice=none
wait replica resnet/0 attempt=6 from=checkpoint phase=Running
preempt resnet/0 notice=none
wait replica resnet/0 attempt=7 from=checkpoint phase=Running
preempt resnet/0 notice=none
wait replica resnet/0 attempt=8 from=checkpoint phase=Running
preempt resnet/0 notice=none
wait replica resnet/0 attempt=9 from=checkpoint phase=Running
preempt resnet/0 notice=none
wait replica resnet/0 attempt=10 from=checkpoint phase=Running
restored resnet/0
----
from the best checkpoint of that moment

preempt resnet/0 notice=none
wait job resnet condition=LosingVMs:QuickLosses
message job resnet LosingVMs
----
replica 0 lost its VM 5 times or more in a row before it trained for 2m0s: its next attempts wait longer; other zones in the SpotInstanceVM's spec.gcp.zones may help

wait replica resnet/0 attempt=11 from=checkpoint phase=Running
wait job resnet preemptions=10 trains=2
never job-dropped:resnet/1.1
end
