package nodeagent

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
)

// vm is a VM in virtual time: its metadata server, and the API server as its agent sees it.
type vm struct {
	noticed chan struct{} // closed at the notice
	host    chan struct{} // closed when the host is to be maintained

	hasty bool // its metadata server does not wait for a change
	asked int  // how often that server was asked
	reads int  // of the Node

	mu     sync.Mutex
	broken bool // its metadata server answers 503
	down   bool // the API server is
	node   corev1.Node
	pods   []corev1.Pod
	said   []string // what was written, with the seconds since the start
	from   time.Time
}

func newVM() *vm {
	v := &vm{noticed: make(chan struct{}), host: make(chan struct{}), from: time.Now()}
	v.node = corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "vm-0", UID: "u0", Labels: map[string]string{v1alpha1.LabelNotice: "120"}}}
	v.pods = []corev1.Pod{
		{ObjectMeta: metav1.ObjectMeta{Name: "training", Labels: map[string]string{v1alpha1.LabelJobUID: "x"}}},
		{ObjectMeta: metav1.ObjectMeta{Name: "stranger"}},
	}
	return v
}

// RoundTrip is the metadata server.
func (v *vm) RoundTrip(r *http.Request) (*http.Response, error) {
	answer := func(status int, body string) (*http.Response, error) {
		return &http.Response{
			StatusCode: status, Status: fmt.Sprint(status), Body: io.NopCloser(strings.NewReader(body)),
			Header: http.Header{"Metadata-Flavor": {"Google"}, "Etag": {body}},
		}, nil
	}
	v.mu.Lock()
	broken := v.broken
	v.mu.Unlock()
	if broken {
		return answer(http.StatusServiceUnavailable, "")
	}
	v.change(func() { v.asked++ })
	ends, before, after := v.noticed, "FALSE", "TRUE"
	if strings.HasSuffix(r.URL.Path, "maintenance-event") {
		ends, before, after = v.host, "NONE", "TERMINATE_ON_HOST_MAINTENANCE"
	}
	if r.URL.Query().Get("last_etag") == before && !v.hasty {
		select {
		case <-ends:
		case <-time.After(pollSeconds * time.Second):
		case <-r.Context().Done():
			return nil, r.Context().Err()
		}
	}
	select {
	case <-ends:
		return answer(http.StatusOK, after)
	default:
		return answer(http.StatusOK, before)
	}
}

func (v *vm) say(format string, args ...any) {
	v.said = append(v.said, fmt.Sprintf("%.0fs ", time.Since(v.from).Seconds())+fmt.Sprintf(format, args...))
}

// call is one of the API server.
func (v *vm) call(do func()) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.down {
		return errors.New("connection refused")
	}
	do()
	return nil
}

// change is something that happens.
func (v *vm) change(do func()) {
	v.mu.Lock()
	defer v.mu.Unlock()
	do()
}

func (v *vm) Node(context.Context, string) (found *corev1.Node, err error) {
	err = v.call(func() { found = v.node.DeepCopy(); v.reads++ })
	return found, err
}

func (v *vm) SetNodeCondition(_ context.Context, _ corev1.ObjectReference, c corev1.NodeCondition) (told *corev1.Node, err error) {
	err = v.call(func() {
		v.say("Node %s=%s %s: %s", c.Type, c.Status, c.Reason, c.Message)
		v.node.Status.Conditions = []corev1.NodeCondition{c}
		told = v.node.DeepCopy()
	})
	return told, err
}

func (v *vm) TaintNode(_ context.Context, _ *corev1.Node, taint corev1.Taint, _ bool) error {
	return v.call(func() {
		if len(v.node.Spec.Taints) == 0 {
			v.say("taint %s", taint.Key)
			v.node.Spec.Taints = []corev1.Taint{taint}
		}
	})
}

func (v *vm) CachedPodsOnNode(context.Context, string) (pods []corev1.Pod, err error) {
	err = v.call(func() { pods = slices.Clone(v.pods) })
	return pods, err
}

func (v *vm) SetPodCondition(_ context.Context, ref corev1.ObjectReference, c corev1.PodCondition) error {
	return v.call(func() {
		v.say("pod %s %s=%s %s", ref.Name, c.Type, c.Status, c.Reason)
		for i := range v.pods {
			if v.pods[i].Name == ref.Name {
				v.pods[i].Status.Conditions = []corev1.PodCondition{c}
			}
		}
	})
}

// watch runs an agent on the VM, and happen beside it, for ten minutes.
func (v *vm) watch(t *testing.T, happen func()) []string {
	ctx, stop := context.WithTimeout(t.Context(), 10*time.Minute)
	defer stop()
	agent := Agent{Node: "vm-0", Metadata: &Metadata{base: "http://metadata", client: &http.Client{Transport: v}}, Kube: v, Now: time.Now, Log: slog.New(slog.DiscardHandler)}
	go happen()
	agent.Run(ctx)
	return v.said
}

func after(d time.Duration, f func()) func() {
	return func() { time.Sleep(d); f() }
}

const isWatching = "Node SpotPreempted=False NoNotice: the node agent watches for GCE's notice"

var atNotice = []string{
	"pod training training.dcnlab.com/Preempted=True PreemptionNotice",
	"Node SpotPreempted=True PreemptionNotice: GCE takes this VM back, and stops it 120 s after lastTransitionTime",
	"taint training.dcnlab.com/preempted",
}

var atMaintenance = []string{
	"pod training training.dcnlab.com/Preempted=True HostMaintenance",
	"Node SpotPreempted=True HostMaintenance: GCE will maintain the host, and stops this VM before: one with GPUs 3600 s after lastTransitionTime, any other 60 s",
	"taint training.dcnlab.com/preempted",
}

var found = []string{
	"Node SpotPreempted=True PreemptionNoticeFound: GCE takes this VM back, and may stop it at any moment",
	"pod training training.dcnlab.com/Preempted=True PreemptionNoticeFound",
	"taint training.dcnlab.com/preempted",
}

func at(seconds string, what ...string) []string {
	var all []string
	for _, w := range what {
		all = append(all, seconds+"s "+w)
	}
	return all
}

// podAfterNotice gives a VM its notice after 90 s, and a pod so much later.
func podAfterNotice(later time.Duration) func(*vm) func() {
	return func(v *vm) func() {
		return after(90*time.Second, func() {
			close(v.noticed)
			after(later+time.Millisecond, func() {
				v.change(func() {
					v.pods = append(v.pods, corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "late", Labels: map[string]string{v1alpha1.LabelJobUID: "x"}}})
				})
			})()
		})
	}
}

func TestAgent(t *testing.T) {
	for name, c := range map[string]struct {
		happens func(*vm) func()
		said    []string
	}{
		"nothing happens": {
			func(*vm) func() { return func() {} }, at("0", isWatching),
		},
		"the notice": {
			func(v *vm) func() { return after(90*time.Second, func() { close(v.noticed) }) },
			append(at("0", isWatching), at("90", atNotice...)...),
		},
		"the host is to be maintained": {
			func(v *vm) func() { return after(90*time.Second, func() { close(v.host) }) },
			append(at("0", isWatching), at("90", atMaintenance...)...),
		},
		"a preemption comes before the maintenance": {
			func(v *vm) func() {
				return after(90*time.Second, func() { close(v.host); after(time.Minute+time.Millisecond, func() { close(v.noticed) })() })
			},
			append(append(at("0", isWatching), at("90", atMaintenance...)...), at("150", atNotice[:2]...)...),
		},
		"after the notice the maintenance is no news": {
			func(v *vm) func() {
				return after(90*time.Second, func() { close(v.noticed); after(time.Minute, func() { close(v.host) })() })
			},
			append(at("0", isWatching), at("90", atNotice...)...),
		},
		"the notice was there first": {
			func(v *vm) func() { close(v.noticed); return func() {} }, at("0", found...),
		},
		"the metadata server comes back with the notice": {
			func(v *vm) func() {
				v.broken = true
				return after(30*time.Second+time.Millisecond, func() { v.change(func() { v.broken = false }); close(v.noticed) })
			},
			at("31", found...),
		},
		"the API server is away at the notice": {
			func(v *vm) func() {
				return after(90*time.Second, func() {
					v.change(func() { v.down = true })
					close(v.noticed)
					after(20*time.Second+time.Millisecond, func() { v.change(func() { v.down = false }) })()
				})
			},
			append(at("0", isWatching), at("111", atNotice...)...),
		},
		"a pod comes after the notice": {
			podAfterNotice(5 * time.Second),
			append(append(at("0", isWatching), at("90", atNotice...)...), "97s pod late training.dcnlab.com/Preempted=True PreemptionNotice"),
		},
		"a pod comes long after the notice": {
			podAfterNotice(100 * time.Second),
			append(append(at("0", isWatching), at("90", atNotice...)...), "195s pod late training.dcnlab.com/Preempted=True PreemptionNotice"),
		},
		"somebody makes the Node again": {
			func(v *vm) func() {
				return after(30*time.Second, func() { v.change(func() { v.node.Status.Conditions = nil }) })
			},
			append(at("0", isWatching), at("60", isWatching)...),
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				v := newVM()
				assert.Equal(t, c.said, v.watch(t, c.happens(v)))
			})
		})
	}
}

// Nobody knows how old an announcement is that was there first. Whether the agent says before that it watches is chance.
func TestMaintenanceThatWasAnnouncedFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := newVM()
		close(v.host)
		said := v.watch(t, func() {})
		assert.Equal(t, at("0", found...), said[max(0, len(said)-len(found)):])
	})
}

// What the cluster is told of a notice at once takes no read of the Node.
func TestNoticeIsWrittenOnWhatWasSeenBefore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := newVM()
		var before, then int
		v.watch(t, after(90*time.Second, func() {
			v.change(func() { before = v.reads })
			close(v.noticed)
			synctest.Wait()
			v.change(func() { then = v.reads })
		}))
		assert.Subset(t, v.said, at("90", atNotice...))
		assert.Equal(t, before, then)
		assert.Greater(t, v.reads, then, "it looks again later")
	})
}

// A metadata server that does not wait for a change is asked once a second for each value.
func TestAgentDoesNotHammer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := newVM()
		v.hasty = true
		v.watch(t, func() {})
		assert.LessOrEqual(t, v.asked, 2*602)
	})
}

// An agent that has started again goes on from what it has written.
func TestAgentThatStartsAgainKeepsTheTimeOfTheNotice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := newVM()
		close(v.noticed)
		earlier := metav1.NewTime(time.Now().Add(-time.Minute))
		v.node.Status.Conditions = []corev1.NodeCondition{{Type: v1alpha1.ConditionSpotPreempted, Status: corev1.ConditionTrue, Reason: v1alpha1.ReasonNotice, LastTransitionTime: earlier}}
		v.watch(t, func() {})
		told := v.pods[0].Status.Conditions[0]
		assert.Equal(t, earlier, told.LastTransitionTime)
		assert.Equal(t, v1alpha1.ReasonNotice, told.Reason)
	})
}
