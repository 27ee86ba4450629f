# VMs, operations, Nodes, Jobs and checkpoints all go with the objects that asked for them.
pool pool
job resnet interval=4s
wait job resnet checkpoints>=1 trains=2
left
----
2 VMs, 2 Nodes, 2 Jobs, no operation in flight

end
left
----
no VM, no Node, no Job, no operation in flight
