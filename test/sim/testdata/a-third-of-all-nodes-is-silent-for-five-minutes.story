# An overloaded API server does not hear a third of all Nodes for five minutes. GCE says that all VMs run. Nobody buys a VM in
# their place, no training starts again, and all is as before when they are heard.
seed 1
pool east zones=a,b
pool west zones=b,c
job one interval=15m pool=east replicas=4
job two interval=15m pool=west replicas=4
job three interval=15m pool=east replicas=4
wait job one trains=4
wait job two trains=4
wait job three trains=4
silence every=3 for=5m
advance 55s
stays 4m pool east condition=Ready:NodesSilent vms=8
stays 1s pool west vms=4
advance 2m
wait pool east ready=8 vms=8
wait pool west ready=4 vms=4
wait job one preemptions=0 trains=4
wait job two preemptions=0 trains=4
wait job three preemptions=0 trains=4
never job-created:one/0.2 job-created:one/1.2 job-created:one/2.2 job-created:one/3.2
never job-created:two/0.2 job-created:two/1.2 job-created:two/2.2 job-created:two/3.2
never job-created:three/0.2 job-created:three/1.2 job-created:three/2.2 job-created:three/3.2
end
