# A training that saves itself gets SIGTERM as soon as its VM has its notice, while another VM is on its way. Its next attempt starts when
# it has ended, and so it is when somebody drains the Node, and after a suspension. It exits 0 each time, and that is no success; nobody
# asks for a checkpoint.
pool pool
job resnet method=Application sigterm=exit0
wait job resnet trains=1
preempt resnet/0
wait replica resnet/0 attempt=2 phase=Running
order vm-requested:pool/1 job-created:resnet/0.2
evict resnet/0
wait replica resnet/0 attempt=3 phase=Running
wait job resnet preemptions=2 trains=1
suspend resnet
wait job resnet phase=Suspended
resume resnet
wait replica resnet/0 attempt=4 phase=Running
never phase:resnet:Succeeded checkpoint-asked:preemption checkpoint-asked:suspend
status job resnet
----
Running, 1 of 1 active on 1 VM, 2 preemptions
replica 0: attempt 4 Running, from the template

end
