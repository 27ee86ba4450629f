# The runtime of the new VM takes the checkpoint image for an ordinary one. Both tries end within minutes, not after half an hour; the
# template runs there.
pool pool
job resnet interval=5m replicas=1 retain=1
wait job resnet checkpoints>=1 trains=1
boots without-restore n=1
preempt resnet/0 notice=none
wait replica resnet/0 attempt=2 phase=Starting
advance 10m
status job resnet
----
Running, 1 of 1 active on 1 VM, 1 preemption
replica 0: attempt 4 Running, from the template
RestoreFailed=True: ImageExcluded

message job resnet RestoreFailed
----
checkpoint image NAME would not run in two attempts and is no longer used; the next best takes its place; the last attempt: container trainer waits: CreateContainerError: failed to generate container spec: no command specified; likely cause: the runtime runs the checkpoint image as an ordinary image: containerd knows a checkpoint by an annotation that the checkpoint agent does not set, and restores only where enable_experimental_restore_via_create is on: use CRI-O on the VM image

end
