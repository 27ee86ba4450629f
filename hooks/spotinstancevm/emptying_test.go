package spotinstancevm_test

import (
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
	"github.com/lehuannhatrang/spot-instance-training-operator/internal/gce"
)

// withOwnIdentity is a world without any Secret for Google, whose pool has n VMs that the operator's own identity bought.
func withOwnIdentity(t *testing.T, n int) *world {
	t.Helper()
	w := newWorld(t)
	delete(w.kube.secrets, ofNamespace)
	w.trusted = []string{"infra", "default"}
	w.restart()
	w.demand(n)
	w.run(20 * time.Second)
	require.EqualValues(t, n, w.pool.Status.ReadyReplicas)
	require.Nil(t, w.pool.Status.CredentialsSecretRef)
	return w
}

// withKeyOfJob is a world whose only credentials are those that the job of its pool names; the pool has n VMs.
func withKeyOfJob(t *testing.T, secret string, n int) *world {
	t.Helper()
	w := newWorld(t)
	delete(w.kube.secrets, ofNamespace)
	w.kube.putSecret(secret, map[string]string{v1alpha1.AnnotationAllowNamespaces: "default"}, map[string]string{"credentials.json": "key of the job"})
	w.demand(n)
	for i := range w.jobs {
		w.jobs[i].Annotations = map[string]string{v1alpha1.AnnotationCredentials: secret}
	}
	w.run(20 * time.Second)
	require.EqualValues(t, n, w.pool.Status.ReadyReplicas)
	return w
}

func (w *world) deniesOwnIdentity() {
	w.Helper()
	found := w.condition(v1alpha1.ConditionCredentialsValid)
	require.Equal(w, metav1.ConditionFalse, found.Status)
	require.Equal(w, v1alpha1.ReasonOwnIdentityDenied, found.Reason)
}

func TestOwnIdentityBuysNothingWhereItIsNotAllowed(t *testing.T) {
	w := newWorld(t, fixed(2))
	delete(w.kube.secrets, ofNamespace)
	w.trusted = []string{"infra"}
	w.restart()
	w.run(10 * time.Minute)
	require.Zero(t, w.inserts())
	require.Empty(t, w.accounts, "no call is made with it, not even to read")
	w.deniesOwnIdentity()
	require.Equal(t, v1alpha1.PoolInvalid, w.pool.Status.Phase)
	for _, remedy := range []string{"Secret gcp-credentials of this namespace", "credentials.json", "spec.gcpCredentialsSecretRef", "add default to --own-identity-namespaces"} {
		require.Contains(t, w.condition(v1alpha1.ConditionReady).Message, remedy)
	}
	w.settled()

	w.kube.putSecret(ofNamespace, nil, map[string]string{"credentials.json": "key"})
	w.run(30 * time.Second)
	require.EqualValues(t, 2, w.pool.Status.ReadyReplicas)
	require.Equal(t, &corev1.SecretReference{Namespace: "default", Name: "gcp-credentials"}, w.pool.Status.CredentialsSecretRef)
}

// To delete is not to buy: what the own identity bought goes when nobody needs it.
func TestPoolOfTheOwnIdentityIsEmptiedAfterItsNamespaceIsUnlisted(t *testing.T) {
	unlisted := func(t *testing.T) *world {
		w := withOwnIdentity(t, 2)
		w.trusted = nil
		w.restart()
		return w
	}
	t.Run("VMs that are needed stay, and none is bought", func(t *testing.T) {
		w := unlisted(t)
		w.demand(3)
		w.run(10 * time.Minute)
		require.Equal(t, []string{w.vm(0), w.vm(1)}, w.vmNames())
		require.Equal(t, 2, w.inserts())
		require.Equal(t, v1alpha1.InstanceReady, w.entry(w.vm(0)).State)
		w.deniesOwnIdentity()
		require.Contains(t, w.condition(v1alpha1.ConditionCredentialsValid).Message, "until then no VM is bought, and VMs that nobody needs are deleted with the operator's own identity")
		w.settled()
	})
	t.Run("idle VMs go, and then it is not used any more", func(t *testing.T) {
		w := unlisted(t)
		w.demand(0)
		w.run(30 * time.Minute)
		require.Empty(t, w.gce.Instances())
		w.run(2 * time.Hour) // until status forgets them
		w.accounts = nil
		w.sync()
		require.Empty(t, w.accounts)
	})
	t.Run("a deleted pool is emptied", func(t *testing.T) {
		w := unlisted(t)
		w.pool.DeletionTimestamp = timestamp(w.clock.Now())
		w.run(time.Minute)
		require.Empty(t, w.gce.Instances())
		require.True(t, w.sync().Finalized)
	})
}

// Whoever may delete a pool makes the operator call Google as itself. What it deletes then has the labels of that very pool.
func TestFinalizeWithTheOwnIdentityDeletesNothingOfOthers(t *testing.T) {
	w := withOwnIdentity(t, 1)
	w.boot = -1 // the others do not join
	vm, _ := w.gce.Instance(w.vm(0))
	others := map[string]func(*gce.InstanceSpec){
		"another pool's":           func(s *gce.InstanceSpec) { s.Name = w.vm(7); s.Labels["spot-training-pool-uid"] = "bbbbbbbb" },
		"another cluster's":        func(s *gce.InstanceSpec) { s.Name = w.vm(8); s.Labels["spot-training-cluster"] = "another" },
		"somebody's with our name": func(s *gce.InstanceSpec) { s.Name = w.vm(9); s.Labels = map[string]string{"team": "web"} },
		"with our labels and another name": func(s *gce.InstanceSpec) {
			s.Name = "database-0"
		},
	}
	for _, edit := range others {
		spec := vm.Spec
		spec.Labels, spec.Metadata = map[string]string{}, nil
		maps.Copy(spec.Labels, vm.Spec.Labels)
		edit(&spec)
		_, err := w.gce.Cloud(project).Insert(t.Context(), spec, "00000000-0000-4000-8000-"+v1alpha1.Hash(spec.Name)[:12])
		require.NoError(t, err)
	}
	w.clock.Advance(10 * time.Second)
	w.trusted = nil
	w.restart()
	// What somebody has written into status does not make them the pool's.
	w.pool.Status.ProvisionedInstances = append(w.pool.Status.ProvisionedInstances,
		v1alpha1.VMInstanceStatus{Name: w.vm(9), Zone: zoneA, State: v1alpha1.InstanceDeleting},
		v1alpha1.VMInstanceStatus{Name: "database-0", Zone: zoneA, State: v1alpha1.InstanceDeleting})
	w.pool.DeletionTimestamp = timestamp(w.clock.Now())
	w.run(5 * time.Minute)
	left := w.vmNames()
	require.Len(t, left, len(others))
	require.NotContains(t, left, w.vm(0))
	require.True(t, w.sync().Finalized)
}

// A Secret is kept for a minute, and a key that works for longer. Neither buys once the Secret is gone.
func TestDeletedSecretBuysNothingFromTheNextSyncOn(t *testing.T) {
	for name, c := range map[string]struct {
		ref    *corev1.SecretReference
		reason string
	}{
		"that nobody names":   {nil, v1alpha1.ReasonOwnIdentityDenied},
		"that the pool names": {&corev1.SecretReference{Name: "gcp-credentials"}, v1alpha1.ReasonSecretNotFound},
	} {
		t.Run(name, func(t *testing.T) {
			w := ready(t, 1, func(p *v1alpha1.SpotInstanceVM) { p.Spec.GCPCredentialsSecretRef = c.ref })
			w.demand(2)
			w.sync()
			require.Equal(t, v1alpha1.InstancePlanned, w.entry(w.vm(1)).State, "the next sync would buy")
			delete(w.kube.secrets, ofNamespace)
			w.sync()
			require.Equal(t, 1, w.inserts())
			require.Equal(t, c.reason, w.condition(v1alpha1.ConditionCredentialsValid).Reason)

			w.run(10 * time.Minute)
			require.Equal(t, 1, w.inserts())
			require.Equal(t, []string{w.vm(0)}, w.vmNames(), "what cannot be read stays as it is")
			require.Equal(t, v1alpha1.InstanceReady, w.entry(w.vm(0)).State)
			require.Equal(t, metav1.ConditionUnknown, w.condition(v1alpha1.ConditionZonesReachable).Status)
			w.settled()

			w.kube.putSecret(ofNamespace, nil, map[string]string{"credentials.json": "new"})
			w.run(30 * time.Second)
			require.EqualValues(t, 2, w.pool.Status.ReadyReplicas)
		})
	}
}

func TestReplacedKeyBuysFromTheNextSyncOn(t *testing.T) {
	w := newWorld(t, fixed(1))
	w.sync()
	w.kube.putSecret(ofNamespace, nil, map[string]string{"credentials.json": "new"})
	w.sync()
	require.Equal(t, 1, w.inserts())
	require.Equal(t, "new", w.accounts[len(w.accounts)-1])
}

// A server that cannot tell whether the Secret still exists does not buy with what it remembers.
func TestUnreadableSecretBuysNothing(t *testing.T) {
	w := newWorld(t, fixed(1))
	w.sync()
	w.kube.down = true
	w.sync()
	require.Zero(t, w.inserts())
	w.kube.down = false
	w.run(20 * time.Second)
	require.EqualValues(t, 1, w.pool.Status.ReadyReplicas)
}

func TestSecretIsReadOnceMoreInASyncThatBuysAndNotAtRest(t *testing.T) {
	w := newWorld(t, fixed(3))
	w.sync()
	require.Equal(t, 1, w.kube.asked[ofNamespace])
	w.sync()
	require.Equal(t, 3, w.inserts())
	require.Equal(t, 2, w.kube.asked[ofNamespace], "once for three VMs")
	w.run(50 * time.Second)
	require.Equal(t, 2, w.kube.asked[ofNamespace])
}

// The last job has gone, and with it the only place that named credentials. Its VMs go with the key that bought them.
func TestVMsGoWithTheKeyThatOnlyAJobNamed(t *testing.T) {
	for _, secret := range []string{"default/of-job", "infra/of-job"} {
		t.Run(secret, func(t *testing.T) {
			w := withKeyOfJob(t, secret, 2)
			w.restart()
			w.accounts = nil
			w.demand(0)
			w.run(6 * time.Minute)
			require.Empty(t, w.gce.Instances())
			require.Equal(t, []string{"key of the job"}, slices.Compact(w.accounts))
			w.deniesOwnIdentity()

			w.pool.Spec.MinReplicas = new(int32(1))
			w.run(6 * time.Minute)
			require.Equal(t, 2, w.inserts(), "nobody names the key any more, so it buys nothing")
			require.Contains(t, w.condition(v1alpha1.ConditionCredentialsValid).Message, "are deleted with Secret "+secret)
			w.settled()
		})
	}
}

func TestKeyThatOnlyAJobNamedIsNotRemembered(t *testing.T) {
	for name, takeAway := range map[string]func(*fakeKube){
		"the Secret is gone": func(k *fakeKube) { delete(k.secrets, "infra/of-job") },
		"the Secret is not shared any more": func(k *fakeKube) {
			k.putSecret("infra/of-job", nil, map[string]string{"credentials.json": "key of the job"})
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := withKeyOfJob(t, "infra/of-job", 1)
			takeAway(w.kube)
			w.clock.Advance(time.Minute)
			w.demand(0)
			w.accounts = nil
			w.run(10 * time.Minute)
			assert.Equal(t, []string{w.vm(0)}, w.vmNames(), "what cannot be read is not deleted")
			assert.Empty(t, w.accounts)
			w.deniesOwnIdentity()

			w.pool.DeletionTimestamp = timestamp(w.clock.Now())
			w.run(time.Minute)
			require.Empty(t, w.gce.Instances())
			require.Contains(t, w.accounts, "key of the job", "finalize uses a key that the server remembers")
			require.True(t, w.sync().Finalized)
		})
	}
}

func TestFinalizeUsesTheSecretThatStatusNames(t *testing.T) {
	w := withKeyOfJob(t, "infra/of-job", 1)
	w.restart()
	w.demand(0)
	w.accounts = nil
	w.pool.DeletionTimestamp = timestamp(w.clock.Now())
	w.run(time.Minute)
	require.Empty(t, w.gce.Instances())
	require.Equal(t, []string{"key of the job"}, slices.Compact(w.accounts))
	require.True(t, w.sync().Finalized)
}

func TestOrphansAreLookedForWithTheSecretThatStatusNames(t *testing.T) {
	w := withKeyOfJob(t, "default/of-job", 1)
	w.restart()
	w.accounts = nil
	found, err := w.hook.Holdings(t.Context(), project, []v1alpha1.SpotInstanceVM{w.pool})
	require.NoError(t, err)
	require.Len(t, found.Instances, 1)
	require.Equal(t, []string{"key of the job"}, w.accounts)
}
