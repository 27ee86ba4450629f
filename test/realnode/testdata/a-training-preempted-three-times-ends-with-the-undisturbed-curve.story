# A training loses a VM without a notice, one with a notice, and then all of its VMs at once. It ends with the loss that it has at each
# step if nobody disturbs it, to the last digit: real processes went on on other nodes. The sample startup script's cleaner removes the
# images that they were restored from. Which checkpoint is the best the operator reckons by the clock, and a program on a busy machine
# trains less than that: so the story asks for the curve alone.
pool pool idle=2s
job resnet interval=10s work=240s
wait job resnet checkpoints>=2 trains=2
preempt resnet/0 notice=none
wait replica resnet/0 attempt=2 from=checkpoint phase=Running
wait job resnet preemptions=1 trains=2
preempt resnet/1
wait replica resnet/1 attempt=2 from=checkpoint phase=Running
wait job resnet preemptions=2 trains=2
preempt resnet/0 notice=none
preempt resnet/1 notice=none
wait replica resnet/0 attempt=3 from=checkpoint phase=Running
wait replica resnet/1 attempt=3 from=checkpoint phase=Running
cleaned
wait job resnet condition=Complete:TrainingCompleted phase=Succeeded
curve resnet steps=1200
end
