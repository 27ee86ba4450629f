# Whatever is wrong with checkpoints, training goes on, the user is told, and what was saved before is used.
pool pool
job resnet interval=3s replicas=1 timeout=4s
wait job resnet checkpoints>=1 trains=1
agent fails
wait job resnet condition=CheckpointingStalled:CheckpointsFail
stays 1s job resnet trains=1
message job resnet CheckpointingStalled
----
CheckpointBackup NAME failed: criu failed: type NOTIFY errno 0; CRIU's log on the VM tells more: among others it refuses open TCP connections: set spec.criu.tcp of the SpotInstanceVM to Close or Established, or write tcp-close or tcp-established into /etc/criu/runc.conf on the VMs; the next one is made later

preempt resnet/0 notice=none
wait replica resnet/0 attempt=2 phase=Running
restored resnet/0
----
from the best checkpoint of that moment

agent works
wait job resnet more-checkpoints>=1 no-condition=CheckpointingStalled
end
