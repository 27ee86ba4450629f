package gcetest

import (
	"bufio"
	"context"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lehuannhatrang/spot-instance-training-operator/internal/gce/gcefake"
)

var (
	serve = flag.Bool("serve", false, "instead of testing, serve the fake: print its URL, and end with the standard input")
	speed = flag.Int("speed", 1, "how many times as fast as ours the clock of the server runs, with -serve and of TestServer")
)

func TestMain(m *testing.M) {
	flag.Parse()
	if *serve {
		if err := serveFake(*speed); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// serveFake serves a fake on loopback, whoever asks, until the standard input ends.
func serveFake(speed int) error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fake := gcefake.New(gcefake.Config{Clock: fastClock{time.Now(), speed}, Timings: gcefake.RealTimings(), PageSize: 2})
	server := &http.Server{Handler: fake.Handler(), ReadHeaderTimeout: time.Minute}
	defer func() { _ = server.Close() }()
	fmt.Println("http://" + listener.Addr().String())
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(listener) }()
	go func() {
		_, err := io.Copy(io.Discard, os.Stdin)
		ended <- err
	}()
	return <-ended
}

// fastClock shows start when it starts, and then runs speed times as fast as the machine's.
type fastClock struct {
	start time.Time
	speed int
}

// Now is as gcefake.Clock says.
func (c fastClock) Now() time.Time { return c.start.Add(time.Since(c.start) * time.Duration(c.speed)) }

// AfterFunc is as gcefake.Clock says.
func (c fastClock) AfterFunc(d time.Duration, f func()) func() {
	return gcefake.RealClock{}.AfterFunc(d/time.Duration(c.speed), f)
}

// TestServerOfAnotherProcess is TestServer against the fake in a process of its own, which nothing but HTTP reaches. Its clock runs a
// hundred times as fast, so that nobody waits minutes.
func TestServerOfAnotherProcess(t *testing.T) {
	const speed = 100
	server := exec.CommandContext(context.Background(), os.Args[0], "-serve", fmt.Sprintf("-speed=%d", speed))
	server.Stderr = os.Stderr
	stdin, err := server.StdinPipe()
	require.NoError(t, err)
	stdout, err := server.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, server.Start())
	t.Cleanup(func() {
		require.NoError(t, stdin.Close())
		require.NoError(t, server.Wait())
	})
	url, err := bufio.NewReader(stdout).ReadString('\n')
	require.NoError(t, err)
	plainAt(t, Project, strings.TrimSpace(url), speed)
}
