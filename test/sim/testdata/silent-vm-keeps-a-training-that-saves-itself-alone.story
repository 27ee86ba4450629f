# Nobody hears a VM any more, and its training runs on. A training that saves itself would be spoilt by a second one: the next attempt starts
# when that VM is gone, and not before.
seed 5
pool pool0
job resnet method=Application pool=pool0
wait job resnet trains=1
partition resnet/0 for=40m
wait replica resnet/0 attempt=2 phase=Running
order vm-running:pool0/1 vm-gone:pool0/0 job-created:resnet/0.2
end
