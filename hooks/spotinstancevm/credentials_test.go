package spotinstancevm_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
	"github.com/lehuannhatrang/spot-instance-training-operator/internal/gce/gcefake"
)

const ofNamespace = "default/gcp-credentials" // the Secret that a world has

func TestCredentialsOrder(t *testing.T) {
	ref := &corev1.SecretReference{Name: "of-pool"}
	own := []string{"default"}
	shared := map[string]string{v1alpha1.AnnotationAllowNamespaces: "other, default"}
	for name, c := range map[string]struct {
		secrets []string
		ref     *corev1.SecretReference
		jobs    []string // AnnotationCredentials of each
		trusted []string // --own-identity-namespaces
		want    []string
	}{
		"the pool's own":                   {secrets: []string{"default/of-pool", "default/of-job", "default/gcp-credentials"}, ref: ref, jobs: []string{"default/of-job"}, trusted: own, want: []string{"default/of-pool"}},
		"of another namespace that shares": {secrets: []string{"infra/shared"}, ref: &corev1.SecretReference{Namespace: "infra", Name: "shared"}, want: []string{"infra/shared"}},
		"the jobs'":                        {secrets: []string{"default/of-job", "default/gcp-credentials"}, jobs: []string{"default/of-job", "", "default/of-job"}, trusted: own, want: []string{"default/of-job"}},
		"jobs that do not agree":           {secrets: []string{"default/of-job", "default/b", "default/gcp-credentials"}, jobs: []string{"default/of-job", "default/b"}, want: []string{"default/gcp-credentials"}},
		"the namespace's":                  {secrets: []string{"default/gcp-credentials"}, trusted: own, want: []string{"default/gcp-credentials"}},
		"the operator's":                   {trusted: own, want: []string{""}},
		"the operator's, not allowed":      {trusted: []string{"other", "default-2"}},
		"the operator's, not for all":      {trusted: []string{"*"}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, func(p *v1alpha1.SpotInstanceVM) { p.Spec.GCPCredentialsSecretRef = c.ref })
			delete(w.kube.secrets, ofNamespace)
			w.trusted = c.trusted
			w.restart()
			for _, secret := range c.secrets {
				w.kube.putSecret(secret, shared, map[string]string{"credentials.json": secret})
			}
			w.demand(len(c.jobs))
			for i, named := range c.jobs {
				w.jobs[i].Annotations = map[string]string{v1alpha1.AnnotationCredentials: named}
			}
			w.sync()
			require.Equal(t, c.want, w.accounts)
		})
	}
}

func TestDeletedPoolWithoutCredentials(t *testing.T) {
	t.Run("says what to delete by hand", func(t *testing.T) {
		w := ready(t, 1)
		w.restart()
		w.gce.When(gcefake.Call{}, gcefake.Denied("compute.instances.list"))
		w.pool.DeletionTimestamp = timestamp(w.clock.Now())
		require.False(t, w.sync().Finalized)
		require.Contains(t, w.condition(v1alpha1.ConditionReady).Message, "gcloud compute instances list --project acme --filter labels.spot-training-pool-uid="+string(w.pool.UID))
		require.Len(t, w.gce.Instances(), 1)
	})
	t.Run("that never had a VM goes", func(t *testing.T) {
		w := newWorld(t, fixed(1), func(p *v1alpha1.SpotInstanceVM) {
			p.Spec.GCPCredentialsSecretRef = &corev1.SecretReference{Name: "nowhere"}
		})
		w.gce.When(gcefake.Call{}, gcefake.Denied("compute.instances.list"))
		w.run(time.Minute)
		w.pool.DeletionTimestamp = timestamp(w.clock.Now())
		require.True(t, w.sync().Finalized)
	})
}

func TestSecretsAreReadOnceAMinute(t *testing.T) {
	w := newWorld(t)
	w.kube.putSecret(ofNamespace, nil, map[string]string{"credentials.json": "old"})
	w.sync()
	w.kube.putSecret(ofNamespace, nil, map[string]string{"credentials.json": "new"})
	w.clock.Advance(59 * time.Second)
	w.sync()
	w.clock.Advance(2 * time.Second)
	w.sync()
	require.Equal(t, []string{"old", "old", "new"}, w.accounts)
}
