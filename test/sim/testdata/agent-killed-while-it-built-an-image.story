# The agent was killed and started again while it built an image: the phase stays ImageBuilding. The timeout ends it, it blocks nothing, and
# the next one is made.
pool pool
job resnet interval=5m replicas=1 timeout=10m
agent stalls for=6m
wait job resnet trains=1
wait job resnet condition=CheckpointingStalled:CheckpointsFail
message job resnet CheckpointingStalled
----
CheckpointBackup NAME stood in phase ImageBuilding longer than spec.checkpointConfig.timeout; the next one is made later

wait job resnet checkpoints>=1 no-condition=CheckpointingStalled
end
