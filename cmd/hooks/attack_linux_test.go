package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lehuannhatrang/spot-instance-training-operator/internal/hooktest"
)

// everyAttack is for a machine that does nothing else: the tests of other packages run beside this one.
var everyAttack = flag.Bool("every-attack", false, "also make the attacks of TestServerOutlivesAttacks that need a whole machine")

const (
	attackTakes = 4 * time.Second
	// metacontrollerWaits is its time-out of one call, and here also for a call that it makes again after 429.
	metacontrollerWaits = 10 * time.Second
	jobSync             = "/spotinstancejob/sync"
)

// The server that ships, with the variables and the memory that its Deployment gives it, is attacked by somebody who can reach its
// port. Meanwhile kubelet's probes are answered, and so are real syncs, small and large.
func TestServerOutlivesAttacks(t *testing.T) {
	binary := buildHooks(t)
	syncs := [][]byte{realSync(t, 1), realSync(t, 3_000)}
	require.Greater(t, len(syncs[1]), 15<<20)
	attacks := map[string]func(context.Context, *hooksProcess){
		"300 announce 100 MB and send 120 bytes": func(ctx context.Context, p *hooksProcess) { p.holdOpen(ctx, 300, announcing(100_000_000, 120)) },
		"5,000 announce 60 MB and send 120 bytes": func(ctx context.Context, p *hooksProcess) {
			p.holdOpen(ctx, 5_000, announcing(60_000_000, 120))
		},
		"a million empty entries": func(ctx context.Context, p *hooksProcess) { p.postAll(ctx, 8, emptyEntries(1_000_000)) },
	}
	if *everyAttack {
		attacks["100 announce 60 MB and send 5 MB"] = func(ctx context.Context, p *hooksProcess) { p.holdOpen(ctx, 100, announcing(60_000_000, 5_000_000)) }
		attacks["5,000 never end their headers"] = func(ctx context.Context, p *hooksProcess) {
			p.holdOpen(ctx, 5_000, "POST "+jobSync+" HTTP/1.1\r\nHost: hooks\r\n")
		}
		attacks["2.3 million empty entries"] = func(ctx context.Context, p *hooksProcess) { p.postAll(ctx, 4, emptyEntries(2_300_000)) }
		attacks["pods of many containers, which are within the limits"] = func(ctx context.Context, p *hooksProcess) {
			p.postAll(ctx, 8, manyContainers(240_000))
		}
	}
	for name, attack := range attacks {
		t.Run(name, func(t *testing.T) {
			p := startHooks(t, binary)
			ctx, stop := context.WithTimeout(t.Context(), attackTakes)
			defer stop()
			var all sync.WaitGroup
			all.Go(func() { attack(ctx, p) })
			all.Go(func() { p.probeUntil(ctx, t) })
			for _, body := range syncs {
				all.Go(func() { p.syncUntil(ctx, t, body) })
			}
			all.Wait()
			peak := p.peakMemory(t)
			t.Logf("peak: %d MiB of %d", peak>>20, p.limit>>20)
			assert.Less(t, peak, p.limit, "the kernel would have killed it")
		})
	}
}

// realSync is a request of a job with so many pods, as Metacontroller sends it.
func realSync(t *testing.T, pods int) []byte {
	r := hooktest.ReadRecording(t, "job-sync")
	pod := r.One("related", "Pod.v1")["metadata"].(map[string]any)
	r.Multiply("related", "Pod.v1", pods, func(i int) map[string]string {
		return map[string]string{fmt.Sprint(pod["name"]): fmt.Sprintf("%s-%d", pod["name"], i), fmt.Sprint(pod["uid"]): fmt.Sprintf("00000000-0000-0000-0003-%012d", i)}
	})
	return r.Body()
}

func announcing(length, sent int) string {
	return "POST " + jobSync + " HTTP/1.1\r\nHost: hooks\r\nContent-Type: application/json\r\nContent-Length: " +
		strconv.Itoa(length) + "\r\n\r\n" + strings.Repeat(" ", sent)
}

func emptyEntries(n int) []byte {
	var b bytes.Buffer
	b.WriteString(`{"parent":{"metadata":{"uid":"u"}},"children":{"CheckpointBackup.migration.dcnlab.com/v1":{},"Job.batch/v1":{"":{}`)
	for i := range n {
		fmt.Fprintf(&b, `,"%x":{}`, i)
	}
	b.WriteString(`}},"related":{}}`)
	return b.Bytes()
}

// manyContainers become a hundred times as much when they are decoded.
func manyContainers(n int) []byte {
	pod := `{"spec":{"containers":[` + strings.Repeat("{},", n/100) + `{}]}}`
	var b bytes.Buffer
	b.WriteString(`{"parent":{"metadata":{"uid":"u"}},"children":{"Job.batch/v1":{},"CheckpointBackup.migration.dcnlab.com/v1":{}},"related":{"Pod.v1":{"0":` + pod)
	for i := range 98 {
		fmt.Fprintf(&b, `,"ns/%d":%s`, i, pod)
	}
	b.WriteString(`}}}`)
	return b.Bytes()
}

// holdOpen keeps so many connections that have said this much and say no more. One that is closed is opened again a second later.
func (p *hooksProcess) holdOpen(ctx context.Context, connections int, text string) {
	var all sync.WaitGroup
	for range connections {
		all.Go(func() {
			for ctx.Err() == nil {
				p.hold(ctx, text)
				select {
				case <-ctx.Done():
				case <-time.After(time.Second):
				}
			}
		})
	}
	all.Wait()
}

// hold returns when the server has closed the connection. The attackers' address is not that of who else calls, so that their
// many ports are not missing there.
func (p *hooksProcess) hold(ctx context.Context, text string) {
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 2)}}
	conn, err := dialer.DialContext(ctx, "tcp", p.address)
	if err != nil {
		return
	}
	defer func() { _ = conn.Close() }()
	defer context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Now()) })()
	if _, err := io.WriteString(conn, text); err == nil {
		_, _ = io.Copy(io.Discard, conn)
	}
}

// postAll sends the body again and again, from so many senders. Each waits for the last answer.
func (p *hooksProcess) postAll(ctx context.Context, senders int, body []byte) {
	var all sync.WaitGroup
	for range senders {
		all.Go(func() {
			for ctx.Err() == nil {
				_, _, _ = p.post(context.WithoutCancel(ctx), body)
			}
		})
	}
	all.Wait()
}

// post is a call as Metacontroller makes it. It returns the code, and the header Retry-After.
func (p *hooksProcess) post(ctx context.Context, body []byte) (code int, after string, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+p.address+jobSync, bytes.NewReader(body))
	if err != nil {
		return 0, "", err
	}
	request.Header.Set("Content-Type", "application/json")
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, "", err
	}
	defer func() { _ = answer.Body.Close() }()
	_, err = io.Copy(io.Discard, answer.Body)
	return answer.StatusCode, answer.Header.Get("Retry-After"), err
}

// probeUntil is kubelet, though it asks more often. It ends a container after some failures in a row.
func (p *hooksProcess) probeUntil(ctx context.Context, t *testing.T) {
	client := http.Client{Timeout: p.probeTimeout, Transport: &http.Transport{DisableKeepAlives: true}}
	answered, failed := 0, 0
	for (ctx.Err() == nil || answered == 0) && assert.Less(t, failed, p.probeFailures, "the kubelet would have killed it") {
		answer, err := client.Get("http://" + p.address + "/healthz")
		if err != nil {
			t.Log(err)
			failed++
			continue
		}
		_ = answer.Body.Close()
		assert.Equal(t, http.StatusOK, answer.StatusCode)
		answered, failed = answered+1, 0
		time.Sleep(50 * time.Millisecond)
	}
	assert.Positive(t, answered)
}

// syncUntil makes the call again and again. Each must be answered in time, at once or when 429 says that there will be room; a
// connection that breaks is tried again, as Metacontroller's back-off does.
func (p *hooksProcess) syncUntil(ctx context.Context, t *testing.T, body []byte) {
	for n := 1; ctx.Err() == nil; n++ {
		began := time.Now()
		for last := ""; last != "200"; {
			code, after, err := p.post(t.Context(), body)
			last = fmt.Sprint(code)
			if err != nil {
				last = err.Error()
			}
			if !assert.Less(t, time.Since(began), metacontrollerWaits, "sync %d of %d MB: %s", n, len(body)>>20, last) {
				return
			}
			if code == http.StatusTooManyRequests {
				seconds, err := strconv.Atoi(after)
				assert.NoError(t, err, "Metacontroller calls again at once without it")
				time.Sleep(time.Duration(seconds) * time.Second)
			}
		}
		time.Sleep(100 * time.Millisecond)
	}
}
