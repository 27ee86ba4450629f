# N replicas give a fresh checkpoint every interval/N, and no more than asked for are kept.
pool pool
job resnet interval=6s retain=2
wait job resnet checkpoints>=6 trains=2
wait job resnet kept=2
turns resnet
----
the replicas take turns, never two checkpoints of one pod at once

end
