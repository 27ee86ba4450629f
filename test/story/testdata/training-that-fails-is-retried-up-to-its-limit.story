# Each retry comes after a back-off. The last attempt stays to be looked at, and no VM is kept for it.
pool pool idle=2s
job resnet backoff-limit=1 fail-after=2s replicas=1
wait job resnet condition=Failed:BackoffLimitExceeded phase=Failed
message job resnet Failed
----
every replica failed more often than jobTemplate.spec.backoffLimit allows; the last: Job resnet/0.2: container trainer exited with code 1 (Error)

wait left jobs=1 nodes=0 operations=0 vms=0
wait pool pool desired=0 ready=0
wait seen job-dropped:resnet/0.1
order job-created:resnet/0.2 job-dropped:resnet/0.1
status job resnet
----
Failed, 0 of 1 active on no VM, no preemption, completed
replica 0: attempt 2 Failed, from the template, 2 failures
Failed=True: BackoffLimitExceeded
Ready=False: Failed

stays 2s job resnet phase=Failed
never job-dropped:resnet/0.2
end
