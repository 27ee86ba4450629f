# The API server leaves volumes of type image out, so nobody pulls what CRI-O needs. The Job is there all the same, each image is given up
# within minutes, the template's own is last, and the user is told what to do.
runtime cri-o image-volumes=off
pool pool
job resnet interval=5m replicas=1 retain=1
wait job resnet checkpoints>=1 trains=1
preempt resnet/0 notice=none
wait job resnet condition=RestoreFailed:ImageExcluded
message job resnet RestoreFailed
----
checkpoint image IMAGE would not run in two attempts and is no longer used; the next best takes its place; the last attempt: container trainer waits: CreateContainerError: reading image "docker.io/acme/resnet:v1": locating image with ID "docker.io/acme/resnet:v1": image not known; likely cause: the template's image, which the checkpoint was made from, is not on the VM, and CRI-O does not pull it; its Job has no volume that lets the kubelet pull it, since API servers before Kubernetes 1.35 leave it out: upgrade, or pull it in the SpotInstanceVM's spec.startupScript

wait replica resnet/0 from=template phase=Running
wait job resnet condition=NoUsableCheckpoint:StartedOver trains=1
end
