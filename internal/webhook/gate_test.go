package webhook

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// newGate is one that logs nothing.
func newGate() *Gate { return NewGate(slog.New(slog.DiscardHandler)) }

// unread fails the test if the body of a call is read that has no room.
type unread struct{ *testing.T }

func (u unread) Read([]byte) (int, error) {
	u.Error("the body was read")
	return 0, io.EOF
}

func post(handler http.Handler, body io.Reader) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/", body))
	return w
}

func TestCallWithoutRoomIsToldWhenToComeAgain(t *testing.T) {
	gate := newGate()
	gate.calls = 1
	var inner *httptest.ResponseRecorder
	var handler http.Handler
	handler = gate.Admitted(Sync(slog.New(slog.DiscardHandler), "test", func(context.Context, *Request[corev1.Pod]) (Response, error) {
		inner = post(handler, unread{t})
		return Response{Status: 1}, nil
	}))
	assert.Equal(t, http.StatusOK, post(handler, strings.NewReader(podRequest)).Code)
	assert.Equal(t, http.StatusTooManyRequests, inner.Code)
	assert.Equal(t, "1", inner.Header().Get("Retry-After"), "without it Metacontroller calls again at once")
	assert.Equal(t, "close", inner.Header().Get("Connection"), "or the server reads the rest of the body")
	assert.Equal(t, http.StatusOK, post(handler, strings.NewReader(podRequest)).Code, "the room is given back")
	assert.Zero(t, gate.taken)
}

func TestBodyThatIsAnnouncedTooLargeIsNotRead(t *testing.T) {
	r := httptest.NewRequest(http.MethodPost, "/", unread{t})
	r.ContentLength = maxBody + 1
	w := httptest.NewRecorder()
	newGate().Admitted(http.NotFoundHandler()).ServeHTTP(w, r)
	assert.Equal(t, http.StatusRequestEntityTooLarge, w.Code)
	assert.Contains(t, w.Body.String(), "use several pools")
}

// arriving is a call that has sent so many bytes in its first second.
func arriving(gate *Gate, bytes int64, cut *[]string, name string) *call {
	c := &call{gate: gate, begun: time.Now().Add(-time.Second), arrived: bytes}
	c.cut = func() { *cut = append(*cut, name) }
	return c
}

func TestSlowSendersKeepNobodyOut(t *testing.T) {
	gate := newGate()
	gate.calls = 1
	slow, fast, late := &call{gate: gate}, &call{gate: gate}, &call{gate: gate}
	require.True(t, gate.enter(slow) && gate.enter(fast) && gate.enter(late))
	assert.True(t, gate.work(fast))
	assert.False(t, gate.work(late), "one is worked on already")
	assert.False(t, gate.enter(&call{gate: gate}))
	gate.leave(fast)
	gate.leave(fast)
	assert.True(t, gate.work(late))
	gate.leave(slow)
	assert.False(t, gate.work(slow))
}

func TestMemoryIsOfThoseThatSendFast(t *testing.T) {
	var cut []string
	gate := newGate()
	gate.memory = 100
	slow, fast, working := arriving(gate, 10, &cut, "slow"), arriving(gate, 20, &cut, "fast"), arriving(gate, 0, &cut, "working")
	for _, c := range []*call{slow, fast, working} {
		require.True(t, gate.enter(c))
	}
	require.True(t, gate.take(slow, 50, 10) && gate.take(fast, 40, 20) && gate.take(working, 10, 0) && gate.work(working))
	assert.False(t, gate.take(slow, 51, 10), "nobody is slower")
	assert.Empty(t, cut)
	assert.True(t, gate.take(fast, 41, 20))
	assert.Equal(t, []string{"slow"}, cut)
	assert.False(t, gate.take(slow, 1, 11), "it has had to go")
	assert.ErrorIs(t, slow.failure(os.ErrDeadlineExceeded), errNoRoom)

	fresh := &call{gate: gate, begun: time.Now(), cut: func() { cut = append(cut, "fresh") }}
	require.True(t, gate.enter(fresh))
	assert.True(t, gate.take(fresh, 80, 1), "who has only just begun may be faster")
	assert.Equal(t, []string{"slow", "fast"}, cut)
	other := arriving(gate, 1<<30, &cut, "other")
	require.True(t, gate.enter(other))
	assert.False(t, gate.take(other, 11, 1<<30), "nobody goes who is worked on, or has only just begun")
	for _, c := range []*call{slow, fast, working, fresh, other} {
		gate.leave(c)
	}
	assert.Zero(t, gate.taken)
	assert.Zero(t, gate.working)
}

// sent is the status of the answer to a call of which only a part is ever sent.
func sent(t *testing.T, server *httptest.Server, announced int, part string) int {
	t.Helper()
	conn, err := net.Dial("tcp", server.Listener.Addr().String())
	require.NoError(t, err)
	defer func() { _ = conn.Close() }()
	_, err = fmt.Fprintf(conn, "POST / HTTP/1.1\r\nHost: hooks\r\nContent-Length: %d\r\n\r\n%s", announced, part)
	require.NoError(t, err)
	require.NoError(t, conn.SetReadDeadline(time.Now().Add(time.Minute))) // of a server that waits for ever
	answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
	require.NoError(t, err)
	defer func() { _ = answer.Body.Close() }()
	return answer.StatusCode
}

func TestWhoSendsTooSlowlyIsTold(t *testing.T) {
	for name, part := range map[string]string{"nothing": "", "a part": podRequest[:20]} {
		t.Run(name, func(t *testing.T) {
			gate := newGate()
			gate.minTime = 50 * time.Millisecond
			server := httptest.NewServer(gate.Admitted(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the hook was called") })))
			defer server.Close()
			assert.Equal(t, http.StatusRequestTimeout, sent(t, server, len(podRequest), part))
			assert.Zero(t, gate.taken)
		})
	}
}

func TestRefusedCallsAreLoggedSeldom(t *testing.T) {
	var log strings.Builder
	gate := NewGate(slog.New(slog.NewTextHandler(&log, nil)))
	gate.calls = 0
	for range 100 {
		assert.Equal(t, http.StatusTooManyRequests, post(gate.Admitted(http.NotFoundHandler()), unread{t}).Code)
	}
	assert.Equal(t, 1, strings.Count(log.String(), "hook call refused"))
	assert.Contains(t, log.String(), "code=429")
	assert.Contains(t, log.String(), "client=192.0.2.1", "who it was")
}

// breaksOff is a body of which so many bytes arrive.
type breaksOff struct{ left int }

func (b *breaksOff) Read(p []byte) (int, error) {
	if b.left == 0 {
		return 0, errors.New("nothing more comes")
	}
	n := min(len(p), b.left)
	b.left -= n
	return n, nil
}

func TestBuffersGrowWithWhatHasArrived(t *testing.T) {
	for _, arrived := range []int{120, 10 << 20} {
		for _, announced := range []int64{-1, 60 << 20} {
			gate := newGate()
			r := httptest.NewRequest(http.MethodPost, "/", &breaksOff{arrived})
			r.ContentLength = announced
			c := &call{gate: gate, begun: time.Now(), cut: func() {}}
			body := &received{call: c}
			err := gate.receive(body, r, http.NewResponseController(httptest.NewRecorder()))
			require.ErrorContains(t, err, "nothing more comes")
			assert.LessOrEqual(t, cap(body.text), max(firstSize, 2*arrived), "%d of %d bytes", arrived, announced)
			assert.Equal(t, int64(cap(body.text)), gate.taken)
			require.NoError(t, body.Close())
			assert.Zero(t, gate.taken)
		}
	}
}

func TestFewLargeBuffersAreKept(t *testing.T) {
	gate := newGate()
	for _, size := range []int{minSpareSize, 3 << 20, minSpareSize - 1, 2 << 20, maxSpareSize + 1} {
		gate.keep(make([]byte, 0, size))
	}
	assert.Len(t, gate.spare, maxSpare)
	assert.Nil(t, gate.reuse(4<<20))
	assert.Equal(t, 2<<20, cap(gate.reuse(1)), "the smallest that is large enough")
	assert.Equal(t, 3<<20, cap(gate.reuse(3<<20)))
	assert.Empty(t, gate.spare)
}

func TestOversizedRequestsAreRefused(t *testing.T) {
	many := func(format string, n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, format, i)
		}
		return strings.TrimSuffix(b.String(), ",")
	}
	for name, body := range map[string]string{
		"a million empty objects":       `{"children":{"Job.batch/v1":{` + many(`"j%d":{},`, 1_000_000) + `}}}`,
		"objects of several groups":     `{"children":{"A":{` + many(`"a%d":{},`, 6_000) + `}},"related":{"B":{` + many(`"b%d":{},`, 6_000) + `}}}`,
		"a million empty groups":        `{"related":{` + many(`"g%d":{},`, 1_000_000) + `}}`,
		"a million containers of a pod": `{"parent":{"spec":{"containers":[` + strings.Repeat("{},", 1_000_000) + `{}]}}}`,
		"the same with white space":     `{"parent":{"spec":{"containers":[` + strings.Repeat("{} , ", 1_000_000) + `{}]}}}`,
		"two million finalizers":        `{"parent":{"metadata":{"finalizers":[` + strings.Repeat(`"",`, 2_000_000) + `""]}}}`,
		"two million labels":            `{"parent":{"metadata":{"labels":{` + many(`"%d":"",`, 2_000_000) + `}}}}`,
	} {
		t.Run(name, func(t *testing.T) {
			gate := newGate()
			handler := gate.Admitted(Sync(slog.New(slog.DiscardHandler), "test", func(context.Context, *Request[corev1.Pod]) (Response, error) {
				t.Error("the hook was called")
				return Response{Status: 1}, nil
			}))
			allocated := testing.AllocsPerRun(1, func() {
				w := post(handler, strings.NewReader(body))
				assert.Equal(t, http.StatusRequestEntityTooLarge, w.Code, w.Body)
			})
			assert.Less(t, allocated, 50_000.0, "it is refused before it is decoded")
			assert.Zero(t, gate.taken)
		})
	}
}

func TestShape(t *testing.T) {
	const text = "{\"a\":[{},\n {\"b\":{}, \"c\":[1,2]}], \"d\": {\"k:{\\\"type\\\"}\":{}}}"
	for split := range len(text) {
		var s shape
		s.add([]byte(text[:split]))
		s.add([]byte(text[split:]))
		assert.Equal(t, 4, s.values, split)
		assert.Equal(t, 3, s.elements, split) // the text itself is one
		assert.Equal(t, int64(4*memoryOfValue+3*memoryOfElement), s.memory())
	}
}

func TestAnswersEchoOneLineAtMost(t *testing.T) {
	long := strings.Repeat("x", 3<<20)
	for name, body := range map[string]string{
		"a key": `{"parent":{"metadata":{"uid":"u"}},"related":{"Pod.v1":{"` + long + `":{"metadata":7}}}}`,
		"lines": `{"parent":{"metadata":{"uid":"u"}},"related":{"Pod.v1":{"a\nb\r\nc":{"metadata":7}}}}`,
		"a UID": `{"parent":{"metadata":{"uid":"` + long + `"}},"related":{"Pod.v1":{"x":{"metadata":7}}}}`,
	} {
		t.Run(name, func(t *testing.T) {
			var log strings.Builder
			handler := Sync(slog.New(slog.NewTextHandler(&log, nil)), "test", func(_ context.Context, r *Request[corev1.Pod]) (Response, error) {
				_, err := Objects[corev1.Pod](r.Related, "Pod.v1")
				return Response{}, err
			})
			w := post(handler, strings.NewReader(body))
			assert.Equal(t, http.StatusInternalServerError, w.Code)
			assert.Contains(t, w.Body.String(), "decode Pod.v1")
			assert.Less(t, w.Body.Len(), 2*maxText)
			assert.Equal(t, 1, strings.Count(w.Body.String(), "\n"))
			assert.Less(t, log.Len(), 4*maxText)
		})
	}
}
