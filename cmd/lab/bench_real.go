package main

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/dynamic/dynamicinformer"

	"github.com/lehuannhatrang/spot-instance-training-operator/test/realnode"
)

// realSizes are in megabytes.
var realSizes = []int{64, 512}

// realStages are what is measured on real nodes: checkpoints of containers that hold so many megabytes of memory.
func realStages() [][]lane {
	var scenarios []scenario
	for _, megabytes := range realSizes {
		name := fmt.Sprintf("real%d", megabytes)
		scenarios = append(scenarios, scenario{name, 3, 5 * time.Minute, realCheckpoint(name, megabytes)})
	}
	return [][]lane{{{width: 1, scenarios: scenarios}}}
}

func realRows() []row {
	var all []row
	for _, megabytes := range realSizes {
		key := fmt.Sprintf("real%d", megabytes)
		for _, m := range []struct{ metric, what string }{
			{"call", "the kubelet's checkpoint call"},
			{"frozen", "of that, the container is frozen"},
			{"image", "making the image"},
			{"push", "pushing it"},
			{"size", "its size in MB"},
			{"pull", "pulling it on the other VM"},
			{"restore", "image pulled → the first step after the checkpoint"},
			{"object", "notice → CheckpointBackup object"},
			{"requested", "notice → VM requested"},
			{"completed", "notice → checkpoint completed"},
			{"training", "notice → the first step after the checkpoint"},
		} {
			all = append(all, row{key, fmt.Sprintf("%d MB of memory: %s", megabytes, m.what), "–", "–", []metric{
				{name: m.metric, show: precise, than: never},
			}})
		}
	}
	return all
}

// realCheckpoint gives the VM of one of two replicas its notice, and measures each step until the replica trains on another VM.
func realCheckpoint(row string, megabytes int) func(context.Context, *trial) error {
	return func(ctx context.Context, t *trial) error {
		pulls := t.watchPulls(ctx)
		lost, again, err := t.noticeOne(ctx, row, setup{replicas: 2, interval: time.Minute, megabytes: megabytes})
		if err != nil {
			return err
		}
		if err := t.noteCheckpoint(row, lost, again.image); err != nil {
			return err
		}
		frozen, err := t.bench.lab.Frozen(again.image)
		if err != nil {
			return err
		}
		t.note(row, "frozen", frozen.Seconds())
		return t.noteRestore(ctx, row, lost, pulls.of(again.image))
	}
}

// noteCheckpoint notes the steps of the agent.
func (t *trial) noteCheckpoint(row string, l benchLoss, image string) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	c := t.checkpointOf(image)
	for metric, phases := range map[string][2]string{
		"call": {"Checkpointing", "Checkpointed"}, "image": {"ImageBuilding", "ImageBuilt"}, "push": {"ImagePushing", "ImagePushed"},
	} {
		begun, done := c.phases[phases[0]], c.phases[phases[1]]
		if begun.IsZero() || done.IsZero() {
			return fmt.Errorf("%s was not seen in the phases %v", c.name, phases)
		}
		t.note(row, metric, done.Sub(begun).Seconds())
	}
	t.note(row, "completed", c.completed.Sub(l.at).Seconds())
	return nil
}

// noteRestore notes what the other VM did: it pulled the image, and the program's first line there that is not of the checkpoint.
func (t *trial) noteRestore(ctx context.Context, row string, l benchLoss, pulled pull) error {
	if pulled.seen.IsZero() {
		return errors.New("no VM pulled the image of the checkpoint")
	}
	var first time.Time
	err := t.poll(ctx, "the restored program prints a step", func() bool {
		logs, err := t.bench.lab.PodLogs(t.namespace)
		if err != nil {
			return false
		}
		for pod, log := range logs {
			for _, step := range realnode.Steps(log) {
				if strings.Contains(pod, "_"+pulled.pod+"_") && step.At.After(pulled.seen) {
					first = step.At
					return true
				}
			}
		}
		return false
	})
	if err != nil {
		return err
	}
	t.note(row, "size", pulled.megabytes)
	t.note(row, "pull", pulled.took.Seconds())
	t.note(row, "restore", first.Sub(pulled.seen).Seconds())
	t.note(row, "training", first.Sub(l.at).Seconds())
	return nil
}

// pull is an image that a VM has pulled for a pod.
type pull struct {
	pod       string
	seen      time.Time // when the kubelet said that it is done
	took      time.Duration
	megabytes float64
}

// pulls are those of a namespace, by image.
type pulls struct {
	mu   sync.Mutex
	done map[string]pull
}

// pulledText is what a kubelet says of an image that it pulled.
var pulledText = regexp.MustCompile(`^Successfully pulled image "([^"]+)" in ([0-9.a-zµ]+) .*Image size: ([0-9]+) bytes`)

func (t *trial) watchPulls(ctx context.Context) *pulls {
	p := &pulls{done: map[string]pull{}}
	factory := dynamicinformer.NewFilteredDynamicSharedInformerFactory(t.bench.lab.Dynamic(), 0, t.namespace, nil)
	follow(factory.ForResource(corev1.SchemeGroupVersion.WithResource("events")).Informer(), p.saw, nil)
	factory.Start(ctx.Done())
	factory.WaitForCacheSync(ctx.Done())
	return p
}

func (p *pulls) saw(event *corev1.Event) {
	found := pulledText.FindStringSubmatch(event.Message)
	if event.Reason != "Pulled" || found == nil {
		return
	}
	took, _ := time.ParseDuration(found[2]) // a kubelet prints a time.Duration
	var size float64
	_, _ = fmt.Sscan(found[3], &size)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.done[found[1]] = pull{pod: event.InvolvedObject.Name, seen: time.Now(), took: took, megabytes: size / 1e6}
}

func (p *pulls) of(image string) pull {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.done[image]
}
