# Two attempts fail from the best image; then it is used no more, and a condition names it. That is no failure of the
# training.
pool pool
job resnet interval=4s replicas=1
wait job resnet checkpoints>=2 trains=1
agent fails
wait job resnet condition=CheckpointingStalled:CheckpointsFail trains=1
break-image resnet
preempt resnet/0 notice=none
wait job resnet condition=RestoreFailed:ImageExcluded
message job resnet RestoreFailed
----
checkpoint image BROKEN-IMAGE would not run in two attempts and is no longer used; the next best takes its place; the last attempt: container trainer exited with code 1 (Error)

wait replica resnet/0 attempt=4 from=checkpoint phase=Running
wait job resnet trains=1
status job resnet
----
Running, 1 of 1 active on 1 VM, 1 preemption
replica 0: attempt 4 Running, from a scheduled checkpoint
CheckpointingStalled=True: CheckpointsFail
RestoreFailed=True: ImageExcluded

count job-created-from:broken-image
----
2

end
