package sim

import (
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// The phases of a CheckpointBackup.
const (
	phaseCheckpointing = "Checkpointing"
	phaseCheckpointed  = "Checkpointed"
	phaseImageBuilding = "ImageBuilding"
	phaseImageBuilt    = "ImageBuilt"
	phaseImagePushing  = "ImagePushing"
	phaseImagePushed   = "ImagePushed"
	phaseCompleted     = "Completed"
	phaseFailed        = "Failed"
)

// checkpointing is one backup that an agent works on, or will when those before it in the queue of its Node are done:
//
//	"" ─► Checkpointing ─► Checkpointed ─► ImageBuilding ─► ImageBuilt ─► ImagePushing ─► ImagePushed ─► Completed
//	            └─► Failed
type checkpointing struct {
	agent    *Agent
	backup   Key
	uid      types.UID
	spec     BackupSpec
	pod      *corev1.Pod
	mode     string
	duration time.Duration
	frozen   time.Duration // of training that is in the images
	builtAt  metav1.Time
	files    []CheckpointFile
	built    []BuiltImage
}

// begin puts a backup in the queue of its pod's Node.
func (a *Agent) begin(b *Backup, pod *corev1.Pod) {
	node := pod.Spec.NodeName
	a.queues[node] = append(a.queues[node], &checkpointing{agent: a, backup: keyOf(b), uid: b.UID, spec: b.Spec, pod: pod})
	if len(a.queues[node]) == 1 {
		a.queues[node][0].freeze()
	}
}

// leave ends the work, whatever phase it got to, and lets the next one begin.
func (c *checkpointing) leave() {
	queues, node := c.agent.queues, c.pod.Spec.NodeName
	queues[node] = queues[node][1:]
	if len(queues[node]) == 0 {
		delete(queues, node)
		return
	}
	queues[node][0].whenThere(queues[node][0].freeze)
}

// freeze takes what the program has trained up to now.
func (c *checkpointing) freeze() {
	a := c.agent
	if !c.isRunning() {
		a.world.Tracef("agent passes over %s", c.backup.Name)
		c.leave()
		return
	}
	if c.spec.Registry != nil && len(c.spec.Containers) == 0 {
		c.say(c.leave, phaseCompleted)
		return
	}
	for _, image := range c.images() {
		a.world.Images.reserve(image)
	}
	c.mode, c.duration, c.frozen = a.mode, a.duration, a.progress(c.pod)
	a.world.Machines.Freeze(c.pod, a.world.Timing.Freeze)
	c.say(func() {
		if c.mode == agentHangs {
			a.world.fault("agent-hangs", "%s", c.backup.Name)
			c.leave()
			return
		}
		c.work(2, c.build)
	}, phaseCheckpointing)
}

// build is what comes after the freeze.
func (c *checkpointing) build() {
	switch {
	case !c.isRunning():
		c.fail("container is no longer running")
	case c.mode == agentFails:
		c.agent.world.fault("agent-fails", "%s", c.backup.Name)
		c.fail("criu failed: type NOTIFY errno 0")
	default:
		c.note()
		c.say(func() {
			if c.mode == agentStalls {
				c.agent.world.fault("agent-stalls", "%s", c.backup.Name)
				c.leave()
				return
			}
			c.work(1, c.push)
		}, phaseCheckpointed, phaseImageBuilding)
	}
}

// note tells when the kubelet's call ended.
func (c *checkpointing) note() {
	for _, container := range c.spec.Containers {
		c.files = append(c.files, CheckpointFile{ContainerName: container.Name, CheckpointTime: c.agent.world.API.timestamp()})
	}
}

func (c *checkpointing) push() {
	c.builtAt = c.agent.world.API.timestamp()
	c.say(func() { c.work(1, c.complete) }, phaseImageBuilt, phaseImagePushing)
}

// complete makes the images pullable and lists them.
func (c *checkpointing) complete() {
	w := c.agent.world
	if c.mode == agentForgets {
		w.fault("agent-forgets", "%s", c.backup.Name)
		c.say(c.leave, phaseImagePushed, phaseCompleted)
		return
	}
	broken := c.mode == agentBreaksImages
	if broken {
		w.fault("agent-breaks-images", "%s", c.backup.Name)
	}
	for i, image := range c.images() {
		container := c.spec.Containers[i]
		w.Images.store(image, w.Runtimes.checkpointed(c.pod, container.Name, c.frozen, broken))
		c.built = append(c.built, BuiltImage{
			ContainerName: container.Name, ImageName: container.Image, BuildTime: c.builtAt, Pushed: c.spec.Registry != nil,
		})
	}
	c.say(c.leave, phaseImagePushed, phaseCompleted)
}

// images are the full names of the images, in the order of the containers.
func (c *checkpointing) images() []string {
	var names []string
	for _, container := range c.spec.Containers {
		names = append(names, (&Backup{Spec: c.spec}).image(container))
	}
	return names
}

func (c *checkpointing) isRunning() bool {
	r := c.agent.world.API.Get(Key{"Pod", c.pod.Namespace, c.pod.Name})
	return r != nil && r.Object.GetUID() == c.pod.UID && As[*corev1.Pod](r).Status.Phase == corev1.PodRunning
}

// work takes so many quarters of the duration for each container.
func (c *checkpointing) work(quarters int, then func()) {
	d := c.duration * time.Duration(quarters*max(1, len(c.spec.Containers))) / 4
	c.agent.world.Clock.AfterFunc(d, func() { c.whenThere(then) })
}

// whenThere goes on once the agent reaches the API server, or never if it is no more.
func (c *checkpointing) whenThere(then func()) {
	a := c.agent
	switch {
	case a.mode == agentAbsent && c.mode == "": // not begun: the next agent looks at it afresh
		delete(a.seen, c.uid)
		a.waiting[c.backup] = true
		a.tryAgain(agentRetries)
		c.leave()
	case a.mode == agentAbsent:
		a.world.fault("agent-absent", "%s", c.backup.Name)
		c.leave()
	case a.lives(c.pod.Spec.NodeName) && !a.world.isAPIDown():
		then()
	case c.isPowered():
		a.world.Clock.AfterFunc(agentRetries, func() { c.whenThere(then) })
	default:
		a.world.Tracef("agent of %s dies over %s", c.pod.Spec.NodeName, c.backup.Name)
		c.leave()
	}
}

// isPowered reports whether the Node's VM runs.
func (c *checkpointing) isPowered() bool {
	vm, exists := c.agent.world.GCE.Instance(c.pod.Spec.NodeName)
	return exists && vm.Status != "TERMINATED"
}

func (c *checkpointing) fail(message string) {
	c.write(BackupStatus{Phase: phaseFailed, Message: message})
	c.leave()
}

// say writes phases, one after the other, and goes on unless the backup is no more.
func (c *checkpointing) say(then func(), phases ...string) {
	for _, phase := range phases {
		if !c.write(BackupStatus{Phase: phase, BuiltImages: c.built, CheckpointFiles: c.files}) {
			c.leave()
			return
		}
	}
	then()
}

// write writes the status, and reports false if the backup is no more.
func (c *checkpointing) write(status BackupStatus) bool {
	w := c.agent.world
	w.Tracef("agent %s %s", c.backup.Name, status.Phase)
	now := w.API.timestamp()
	return w.API.Update(c.backup, c.uid, func(o Object) {
		o.(*Backup).Status = status
		o.SetManagedFields([]metav1.ManagedFieldsEntry{{
			Manager: "checkpoint-agent", Operation: metav1.ManagedFieldsOperationUpdate, Subresource: "status", Time: &now,
			APIVersion: "migration.dcnlab.com/v1", FieldsType: "FieldsV1",
		}})
	}) == nil
}
