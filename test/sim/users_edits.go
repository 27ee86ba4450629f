package sim

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
	"github.com/lehuannhatrang/spot-instance-training-operator/test/story"
)

// addEdits adds the commands by which users change what they applied. One whose object is not there does nothing.
func (u *users) addEdits() {
	w := u.world
	w.command("scale", u.scaleCommand)
	w.command("suspend", func(c story.Command) (string, error) { return u.editJob(c, "user-suspend", setSuspend(true)) })
	w.command("resume", func(c story.Command) (string, error) { return u.editJob(c, "user-resume", setSuspend(false)) })
	w.command("delete", u.deleteCommand)
	w.command("delete-child", u.deleteChildCommand)
	w.command("delete-backup", u.deleteBackupCommand)
	w.command("delete-secret", u.deleteSecretCommand)
	w.command("restore-secret", func(story.Command) (string, error) { u.createSecret(); return "", nil })
	w.command("edit-pool", u.editPoolCommand)
	w.command("rollback", u.rollbackCommand)
}

func setSuspend(on bool) func(*v1alpha1.SpotInstanceJob) {
	return func(job *v1alpha1.SpotInstanceJob) { job.Spec.Suspend = on }
}

// editJob changes the spec of the job that a command names.
func (u *users) editJob(c story.Command, kind string, change func(*v1alpha1.SpotInstanceJob)) (string, error) {
	if len(c.Args) == 0 {
		return "", fmt.Errorf("line %d: %s needs the name of a job", c.Line, c.Name)
	}
	k := Key{"SpotInstanceJob", Namespace, c.Args[0]}
	if u.world.API.Get(k) == nil {
		return "", nil
	}
	u.world.fault(kind, "%s", k)
	return "", u.world.API.Edit(k, "", func(o Object) { change(o.(*v1alpha1.SpotInstanceJob)) })
}

// scaleCommand is `scale JOB replicas=N`, or of a pool with a fixed size `scale POOL replicas=N`.
func (u *users) scaleCommand(c story.Command) (string, error) {
	o := &story.Options{Command: c}
	n := o.Number("replicas", 2)
	if o.Err != nil || len(c.Args) == 0 {
		return "", o.Err
	}
	if k := (Key{"SpotInstanceVM", Namespace, c.Args[0]}); u.world.API.Get(k) != nil {
		u.world.fault("user-scale", "%s to %d", k, *n)
		return "", u.world.API.Edit(k, "", func(o Object) { o.(*v1alpha1.SpotInstanceVM).Spec.Replicas = n })
	}
	return u.editJob(c, "user-scale", func(job *v1alpha1.SpotInstanceJob) { job.Spec.Replicas = n })
}

// deleteCommand is `delete job|pool NAME`.
func (u *users) deleteCommand(c story.Command) (string, error) {
	kind := map[string]string{"job": "SpotInstanceJob", "pool": "SpotInstanceVM"}
	if len(c.Args) != 2 || kind[c.Args[0]] == "" {
		return "", fmt.Errorf("line %d: write delete job NAME, or delete pool NAME", c.Line)
	}
	k := Key{kind[c.Args[0]], Namespace, c.Args[1]}
	if u.world.API.Get(k) == nil {
		return "", nil
	}
	u.world.fault("user-delete", "%s", k)
	return "", u.world.API.Delete(k, "")
}

// deleteChildCommand is `delete-child JOB/N`: the Job of the replica's newest attempt goes.
func (u *users) deleteChildCommand(c story.Command) (string, error) {
	r, err := u.world.replica(c)
	if err != nil || r == nil {
		return "", err
	}
	u.world.fault("user-delete-child", "%s", r.Key)
	return "", u.world.API.Delete(r.Key, "")
}

// deleteBackupCommand is `delete-backup JOB [all=yes]`: the job's newest CheckpointBackup goes, or each of them.
func (u *users) deleteBackupCommand(c story.Command) (string, error) {
	if len(c.Args) != 1 {
		return "", fmt.Errorf("line %d: delete-backup needs the name of a job", c.Line)
	}
	var doomed []*Record
	for _, r := range u.world.API.List("CheckpointBackup") {
		if owner := r.owner(); owner != nil && owner.Name == c.Args[0] {
			doomed = append(doomed, r)
		}
	}
	if c.Options["all"] == "" && len(doomed) > 1 {
		// The first by name of those that are equally new.
		slices.SortStableFunc(doomed, func(x, y *Record) int {
			return y.Object.GetCreationTimestamp().Compare(x.Object.GetCreationTimestamp().Time)
		})
		doomed = doomed[:1]
	}
	for _, r := range doomed {
		u.world.fault("user-delete-backup", "%s", r.Key)
		if err := u.world.API.Delete(r.Key, ""); err != nil {
			return "", err
		}
	}
	return "", nil
}

// deleteSecretCommand is `delete-secret for=D`: the join data are gone for so long.
func (u *users) deleteSecretCommand(c story.Command) (string, error) {
	d, err := durationOf(c, "for", time.Minute)
	k := Key{"Secret", Namespace, joinSecret}
	if err != nil || u.world.API.Get(k) == nil {
		return "", err
	}
	u.world.fault("user-delete-secret", "for %s", d)
	u.world.Clock.AfterFunc(d, u.createSecret)
	return "", u.world.API.Delete(k, "")
}

// editPoolCommand is `edit-pool NAME` with what story.EditPool knows: new VMs are made from the new spec.
func (u *users) editPoolCommand(c story.Command) (string, error) {
	o := &story.Options{Command: c}
	k := Key{"SpotInstanceVM", Namespace, o.TheName()}
	if o.Err != nil || u.world.API.Get(k) == nil {
		return "", o.Err
	}
	u.world.fault("user-edit-pool", "%s", k)
	var wrong error
	err := u.world.API.Edit(k, "", func(object Object) {
		wrong = story.EditPool(c, place(), &object.(*v1alpha1.SpotInstanceVM).Spec)
	})
	return "", errors.Join(wrong, err)
}

// rollbackCommand is `rollback NAME`, of a job or a pool.
func (u *users) rollbackCommand(c story.Command) (string, error) {
	for _, kind := range []string{"SpotInstanceJob", "SpotInstanceVM"} {
		k := Key{kind, Namespace, strings.Join(c.Args, " ")}
		if u.world.API.Get(k) != nil {
			return "", u.rollback(k)
		}
	}
	return "", nil
}

// replica is the Job of the newest attempt of the replica that a command names as JOB/N, or nil.
func (w *World) replica(c story.Command) (*Record, error) {
	if len(c.Args) != 1 || strings.Count(c.Args[0], "/") != 1 {
		return nil, fmt.Errorf("line %d: %s needs a replica: write JOB/N", c.Line, c.Name)
	}
	name, number, _ := strings.Cut(c.Args[0], "/")
	var found []*Record
	for _, r := range w.API.List("Job") {
		owner := r.owner()
		if owner != nil && owner.Name == name && r.Object.GetLabels()[v1alpha1.LabelReplica] == number && r.Object.GetDeletionTimestamp() == nil {
			found = append(found, r)
		}
	}
	if len(found) == 0 {
		return nil, nil
	}
	return slices.MaxFunc(found, func(x, y *Record) int {
		return int(attemptOf(x.Object)) - int(attemptOf(y.Object))
	}), nil
}

func attemptOf(o Object) int32 {
	var n int32
	_, _ = fmt.Sscan(o.GetLabels()[v1alpha1.LabelAttempt], &n) // labels of ours are numbers
	return n
}
