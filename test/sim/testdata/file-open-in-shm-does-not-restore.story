# The program has a file open in /dev/shm, which no checkpoint holds: the user is warned before it is too late. The restore fails at once,
# with the reason, and training goes on from the template.
pool pool
job resnet interval=5m replicas=1 retain=1 shm=yes
wait job resnet condition=CheckpointsMayNotRestore:UnsavedState
message job resnet CheckpointsMayNotRestore
----
the training goes on, and its checkpoints may not restore: spec.jobTemplate.spec.template.spec.volumes[0]: emptyDir shm, which container trainer mounts at /dev/shm, is not part of a checkpoint, and a container that has a file open there does not restore: keep such files in the container's own file system or on a PersistentVolumeClaim, or mount it readOnly

wait job resnet checkpoints>=1 trains=1
preempt resnet/0 notice=none
wait job resnet condition=RestoreFailed:ImageExcluded
message job resnet RestoreFailed
----
checkpoint image IMAGE would not run in two attempts and is no longer used; the next best takes its place; the last attempt: container trainer exited with code 128 (StartError OCI runtime restore failed: criu failed: type NOTIFY errno 0: Can't open file dev/shm/seg on restore: No such file or directory); likely cause: a file of /dev/shm or of a volume was open, and is not part of the checkpoint: see the condition CheckpointsMayNotRestore

wait replica resnet/0 from=template phase=Running
wait job resnet trains=1
end
