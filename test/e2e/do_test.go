package e2e

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/yaml"

	"github.com/lehuannhatrang/spot-instance-training-operator/test/cluster"
	"github.com/lehuannhatrang/spot-instance-training-operator/test/story"
)

// Do performs a command of a story: scene is a story.World. The commands mean what they mean in the simulator.
func (s *scene) Do(c story.Command) (string, error) {
	if slices.Contains(story.Looks(), c.Name) {
		return story.Look(s, c)
	}
	do := doers()[c.Name]
	if do == nil {
		return "", fmt.Errorf("the lab has no command %q", c.Name)
	}
	options := &story.Options{Command: c}
	if err := do(s, options); err != nil {
		return "", err
	}
	return "", options.Err
}

// doer performs a command that does more than look.
type doer func(*scene, *story.Options) error

func doers() map[string]doer {
	return map[string]doer{
		// Users.
		"pool": (*scene).doPool, "edit-pool": (*scene).doEditPool, "node": (*scene).doNode,
		"job": (*scene).doJob, "scale": (*scene).doScale,
		"suspend": func(s *scene, o *story.Options) error {
			return s.doPatch(jobs, o.TheName(), `{"spec": {"suspend": true}}`)
		},
		"resume": func(s *scene, o *story.Options) error {
			return s.doPatch(jobs, o.TheName(), `{"spec": {"suspend": false}}`)
		},
		"delete": (*scene).doDelete, "delete-child": (*scene).doDeleteChild, "delete-backup": (*scene).doDeleteBackup,
		"note-status": (*scene).doNoteStatus, "put-back-status": (*scene).doPutBackStatus, "evict": (*scene).doEvict,
		"end": func(s *scene, _ *story.Options) error { return s.doEnd() },
		// Fate.
		"preempt": (*scene).doPreempt, "preempt-zone": (*scene).doPreemptZone, "lose-vm": (*scene).doLoseVM,
		"crash":     func(s *scene, o *story.Options) error { return s.strike(o, lab.GCE().Crash) },
		"stop":      func(s *scene, o *story.Options) error { return s.strike(o, lab.GCE().Stop) },
		"delete-vm": func(s *scene, o *story.Options) error { return s.strike(o, lab.GCE().Delete) },
		"maintain":  func(s *scene, o *story.Options) error { return s.strike(o, lab.Hypervisor().Maintain) },
		"capacity":  (*scene).doCapacity, "boots": (*scene).doBoots, "agent": (*scene).doAgent, "break-image": (*scene).doBreakImage,
		"curve": (*scene).doCurve, "cleaned": (*scene).doCleaned, "gce": (*scene).doGCE, "crash-hooks": (*scene).doCrashHooks,
	}
}

func (s *scene) doPool(o *story.Options) error {
	pool, err := story.PoolOf(o.Command, s.Place())
	if err != nil {
		return err
	}
	if *realNodes {
		script, err := os.ReadFile("../../manifests/samples/vm-startup.sh")
		if err != nil {
			return err
		}
		pool.Spec.StartupScript = string(script)
	}
	return s.doCreate(pools, pool)
}

// doEditPool is kubectl apply of the pool as the user has edited it.
func (s *scene) doEditPool(o *story.Options) error {
	now := s.Now().Pool(o.TheName())
	if now == nil {
		return fmt.Errorf("there is no pool %v", o.Args)
	}
	if err := story.EditPool(o.Command, s.Place(), &now.Spec); err != nil {
		return err
	}
	edited, err := yaml.Marshal(map[string]any{
		"apiVersion": now.APIVersion, "kind": now.Kind, "metadata": map[string]string{"name": now.Name}, "spec": now.Spec,
	})
	if err != nil {
		return err
	}
	return lab.Apply(s.Context(), s.namespace, string(edited))
}

// doNode lets a user's own machine join, which is no VM. The operator never deletes it, so the story does.
func (s *scene) doNode(o *story.Options) error {
	node, err := story.NodeOf(o.Command, s.Place())
	if err != nil {
		return err
	}
	node.Labels[cluster.LabelManaged] = "true"
	if _, err = lab.Client().CoreV1().Nodes().Create(s.Context(), node, metav1.CreateOptions{}); err != nil {
		return err
	}
	s.Cleanup(func() {
		// Not the story's context, which is over.
		if err := lab.Client().CoreV1().Nodes().Delete(context.Background(), node.Name, metav1.DeleteOptions{}); err != nil {
			s.Error(err)
		}
	})
	return nil
}

func (s *scene) doJob(o *story.Options) error {
	job, err := story.JobOf(o.Command, s.Place())
	if err != nil {
		return err
	}
	if *realNodes {
		if job.Spec.JobTemplate, err = withProgram(job.Spec.JobTemplate); err != nil {
			return err
		}
	}
	return s.doCreate(jobs, job)
}

// doScale is kubectl's, through the scale subresource.
func (s *scene) doScale(o *story.Options) error {
	kind := "sij/"
	if s.Now().Pool(o.TheName()) != nil {
		kind = "sivm/"
	}
	_, err := lab.Kubectl(s.Context(), "--namespace="+s.namespace, "scale", kind+o.TheName(), "--replicas="+o.Options["replicas"])
	return err
}

func (s *scene) doPatch(k kind, name, json string) error {
	_, err := lab.Dynamic().Resource(k.resource).Namespace(s.namespace).
		Patch(s.Context(), name, types.MergePatchType, []byte(json), metav1.PatchOptions{})
	return err
}

func (s *scene) doRemove(k kind, name string) error {
	background := metav1.DeletePropagationBackground
	return lab.Dynamic().Resource(k.resource).Namespace(s.namespace).
		Delete(s.Context(), name, metav1.DeleteOptions{PropagationPolicy: &background})
}

func (s *scene) doDelete(o *story.Options) error {
	k, name, err := parentOf(o)
	if err != nil {
		return err
	}
	return s.doRemove(k, name)
}

// parentOf reads job NAME or pool NAME.
func parentOf(o *story.Options) (k kind, name string, err error) {
	k, known := map[string]kind{"job": jobs, "pool": pools}[strings.Join(o.Args[:min(1, len(o.Args))], "")]
	if !known || len(o.Args) != 2 {
		return k, "", fmt.Errorf("write %s job NAME, or %s pool NAME", o.Name, o.Name)
	}
	return k, o.Args[1], nil
}

func (s *scene) doDeleteChild(o *story.Options) error {
	child, err := s.Now().Child(o.TheName())
	if err != nil {
		return err
	}
	return s.doRemove(childJobs, child.Name)
}

// doDeleteBackup deletes the newest, or all.
func (s *scene) doDeleteBackup(o *story.Options) error {
	var doomed []checkpoint
	for _, backup := range typedAll[checkpoint](s, backups) {
		if backup.seen(false).Owner == o.TheName() {
			doomed = append(doomed, backup)
		}
	}
	slices.SortStableFunc(doomed, func(a, b checkpoint) int { return b.CreationTimestamp.Compare(a.CreationTimestamp.Time) })
	if o.Options["all"] == "" {
		doomed = doomed[:min(1, len(doomed))]
	}
	for _, backup := range doomed {
		if err := s.doRemove(backups, backup.Name); err != nil {
			return err
		}
	}
	return nil
}

// doEvict is what kubectl drain does.
func (s *scene) doEvict(o *story.Options) error {
	pod, err := s.Now().Pod(o.TheName())
	if err != nil {
		return err
	}
	return lab.Client().CoreV1().Pods(s.namespace).EvictV1(s.Context(), &policyv1.Eviction{ObjectMeta: metav1.ObjectMeta{Name: pod.Name}})
}

func (s *scene) doNoteStatus(o *story.Options) error {
	k, name, err := parentOf(o)
	if err != nil {
		return err
	}
	s.noted[o.Args[0]], err = s.get(k, name)
	return err
}

// get is an object as it is now.
func (s *scene) get(k kind, name string) (*unstructured.Unstructured, error) {
	return lab.Dynamic().Resource(k.resource).Namespace(s.namespace).Get(s.Context(), name, metav1.GetOptions{})
}

// doPutBackStatus puts the noted status in place, and touches the object so that it is synced. It returns when the recorder
// has seen that, so that nobody takes what was before for what comes of it.
func (s *scene) doPutBackStatus(o *story.Options) error {
	k, name, err := parentOf(o)
	old := s.noted[o.Args[0]]
	if err != nil || old == nil {
		return fmt.Errorf("nobody noted the status of %v: %w", o.Args, err)
	}
	err = s.Await(func() error {
		now, err := s.get(k, name)
		if err != nil {
			return err
		}
		now.Object["status"] = old.Object["status"]
		_, err = lab.Dynamic().Resource(k.resource).Namespace(s.namespace).UpdateStatus(s.Context(), now, metav1.UpdateOptions{})
		return err
	})
	if err != nil {
		return err
	}
	if err := s.doPatch(k, name, `{"metadata": {"annotations": {"story": "touched"}}}`); err != nil {
		return err
	}
	return s.Await(func() error {
		for _, seen := range recorded.present(k, s.namespace) {
			if seen.GetName() == name && seen.GetAnnotations()["story"] != "" {
				return nil
			}
		}
		return fmt.Errorf("%s %s is not touched yet", k.name, name)
	})
}

// number is the second argument.
func number(o *story.Options) (int, error) {
	if len(o.Args) != 2 {
		return 0, fmt.Errorf("%s %v: write a name and a number", o.Name, o.Args)
	}
	n, err := strconv.Atoi(o.Args[1])
	if err != nil {
		return 0, fmt.Errorf("%s: %s is no whole number", o.Name, o.Args[1])
	}
	return n, nil
}
