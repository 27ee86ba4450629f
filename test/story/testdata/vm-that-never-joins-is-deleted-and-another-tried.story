# It runs and is billed, and its Node never appears. The condition names the command that shows why.
boots never n=1
pool pool join-timeout=15s
job resnet replicas=1
wait pool pool condition=VMsJoining:StartsFail
message pool pool VMsJoining
----
1 start in a row did not become a Ready Node: while the next one starts, see why with: gcloud compute instances get-serial-port-output pool/0 --zone a --project PROJECT

wait vm pool/0 joined=false reason=JoinTimeout state=gone
wait job resnet trains=1
wait left jobs=1 nodes=1 operations=0 vms=1
order vm-gone:pool/0 vm-running:pool/1
count vm-requested:pool
----
2

end
