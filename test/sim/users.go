package sim

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
	"github.com/lehuannhatrang/spot-instance-training-operator/test/story"
)

// The Secrets that pools find by default, and the token in that of the join data.
const (
	keySecret  = "gcp-credentials"
	joinSecret = "kubeadm-join-token"
	tokenID    = "abcdef"
)

// users are the people who write objects: they apply pools and jobs, and change their minds.
type users struct {
	world *World
	past  map[Key][]Object // some earlier versions of parents, for a status that somebody writes back
}

// pastKept is how many earlier versions of a parent are kept.
const pastKept = 8

func newUsers(w *World) *users {
	u := &users{world: w, past: map[Key][]Object{}}
	u.bootstrap()
	w.API.Watch(u.remember)
	w.command("pool", u.poolCommand)
	w.command("job", u.jobCommand)
	u.addEdits()
	return u
}

// bootstrap makes what a cluster has before the first pool: a key for Google, join data, and a signature of its token.
func (u *users) bootstrap() {
	u.create(&corev1.ConfigMap{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "ConfigMap"},
		ObjectMeta: metav1.ObjectMeta{Namespace: "kube-public", Name: "cluster-info"},
		Data:       map[string]string{"jws-kubeconfig-" + tokenID: "signed"},
	})
	u.create(&corev1.Secret{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "Secret"},
		ObjectMeta: metav1.ObjectMeta{Namespace: Namespace, Name: keySecret},
		Data:       map[string][]byte{"credentials.json": []byte("{}")},
	})
	u.createSecret()
}

func (u *users) createSecret() {
	u.create(&corev1.Secret{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "Secret"},
		ObjectMeta: metav1.ObjectMeta{Namespace: Namespace, Name: joinSecret},
		Data: map[string][]byte{
			"token":                  []byte(tokenID + ".0123456789abcdef"),
			"ca-cert-hash":           []byte("sha256:" + strings.Repeat("0123456789abcdef", 4)),
			"control-plane-endpoint": []byte("control-plane.example.com:6443"),
		},
	})
}

// create applies an object, which may be there already.
func (u *users) create(o Object) {
	if u.world.API.Get(keyOf(o)) != nil {
		return
	}
	if _, err := u.world.API.Create(o); err != nil {
		panic(fmt.Errorf("create %s: %w", keyOf(o), err)) // it was looked for a moment ago
	}
}

// poolCommand is `pool NAME [option=value...]`.
func (u *users) poolCommand(c story.Command) (string, error) {
	pool, err := poolOf(c)
	if err != nil {
		return "", err
	}
	u.create(pool)
	return "", nil
}

// jobCommand is `job NAME [option=value...]`.
func (u *users) jobCommand(c story.Command) (string, error) {
	job, err := jobOf(c)
	if err != nil {
		return "", err
	}
	u.create(job)
	return "", nil
}

// remember keeps some earlier versions of parents.
func (u *users) remember(change Change) {
	r := change.Record()
	if r.Kind != "SpotInstanceJob" && r.Kind != "SpotInstanceVM" {
		return
	}
	if change.New == nil {
		delete(u.past, r.Key)
		return
	}
	if change.Old == nil {
		return
	}
	kept := slices.Concat(u.past[r.Key], []Object{change.Old.Object})
	u.past[r.Key] = kept[max(0, len(kept)-pastKept):]
}

// rollback writes an earlier status back, as a sync does that ran on a stale parent.
func (u *users) rollback(k Key) error {
	past := u.past[k]
	if len(past) == 0 {
		return nil
	}
	old := past[u.world.Random.IntN(len(past))]
	err := u.world.API.Update(k, old.GetUID(), func(o Object) { setStatus(o, old) })
	if err == nil {
		u.world.fault("status-rollback", "%s to version %s", k, old.GetResourceVersion())
	}
	return err
}

// setStatus gives a parent the status of an earlier version.
func setStatus(o, old Object) {
	switch o := o.(type) {
	case *v1alpha1.SpotInstanceJob:
		o.Status = *old.(*v1alpha1.SpotInstanceJob).Status.DeepCopy()
	case *v1alpha1.SpotInstanceVM:
		o.Status = *old.(*v1alpha1.SpotInstanceVM).Status.DeepCopy()
	}
}
