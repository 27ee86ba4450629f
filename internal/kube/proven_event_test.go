package kube_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestEventIsAboutAnObjectThatIsThere(t *testing.T) {
	metadata := func(uid string) (int, any) {
		return http.StatusOK, map[string]any{"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": map[string]any{"uid": uid}}
	}
	for name, c := range map[string]struct {
		kind    string
		answer  func(call) (int, any)
		written bool
		asked   string // the path
	}{
		"a job":              {"SpotInstanceJob", func(call) (int, any) { return metadata("u1") }, true, "/apis/training.training.dcnlab.com/v1alpha1/namespaces/ml/spotinstancejobs/train"},
		"a pool":             {"SpotInstanceVM", func(call) (int, any) { return metadata("u1") }, true, "/apis/training.training.dcnlab.com/v1alpha1/namespaces/ml/spotinstancevms/train"},
		"another UID":        {"SpotInstanceJob", func(call) (int, any) { return metadata("u2") }, false, "/apis/training.training.dcnlab.com/v1alpha1/namespaces/ml/spotinstancejobs/train"},
		"an answer of none":  {"SpotInstanceJob", func(call) (int, any) { return metadata("") }, false, "/apis/training.training.dcnlab.com/v1alpha1/namespaces/ml/spotinstancejobs/train"},
		"no such object":     {"SpotInstanceJob", func(call) (int, any) { return failure(http.StatusNotFound, metav1.StatusReasonNotFound) }, false, "/apis/training.training.dcnlab.com/v1alpha1/namespaces/ml/spotinstancejobs/train"},
		"a kind not of ours": {"Secret", func(call) (int, any) { return metadata("u1") }, false, ""},
	} {
		t.Run(name, func(t *testing.T) {
			k, s := client(t, func(asked call) (int, any) {
				if asked.method == http.MethodPost {
					return http.StatusCreated, corev1.Event{TypeMeta: metav1.TypeMeta{Kind: "Event", APIVersion: "v1"}}
				}
				return c.answer(asked)
			})
			err := k.ProvenEvent(t.Context(), corev1.Event{
				InvolvedObject: corev1.ObjectReference{Kind: c.kind, Namespace: "ml", Name: "train", UID: "u1"},
				Type:           corev1.EventTypeNormal, Reason: "Booting", Message: "VM vm-0 runs",
			})
			require.Equal(t, c.written, err == nil, "%v", err)
			var asked, written string
			for _, call := range s.calls {
				if call.path == "/api/v1/namespaces/ml/events" {
					written = call.body
					continue
				}
				asked = call.path
			}
			require.Equal(t, c.asked, asked)
			require.Equal(t, c.written, written != "")
		})
	}
}
