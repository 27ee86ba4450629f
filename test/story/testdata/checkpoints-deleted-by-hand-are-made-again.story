# Nobody is restarted for it.
pool pool
job resnet interval=4s
wait job resnet checkpoints>=2 trains=2
delete-backup resnet all=yes
wait job resnet more-checkpoints>=2 trains=2
never job-dropped:resnet/0.1 job-dropped:resnet/1.1
end
