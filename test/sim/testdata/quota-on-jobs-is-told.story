# A ResourceQuota allows one Job, and there are two replicas. The second one says that its Job is not there, and gets it when the quota is gone.
quota jobs 1 for=20m
pool pool
job resnet replicas=2
wait job resnet active=1
wait job resnet says=Ready:waits_for_its_Job,_which_was_asked_for_and_is_not_there
stays 10m job resnet active=1
wait job resnet trains=2
end
