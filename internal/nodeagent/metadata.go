package nodeagent

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

const (
	// pollSeconds is how long the metadata server may hold an answer back while nothing changes.
	pollSeconds = 60
	// pollTimeout is when a poll is given up: a connection may die without a word.
	pollTimeout = pollSeconds*time.Second + 15*time.Second
	// longestValue is more than any value that is read here.
	longestValue = 1 << 10
)

// Metadata reads the metadata server of a VM. It is how a program inside a VM learns that GCE takes the VM back; see
// https://cloud.google.com/compute/docs/instances/create-use-spot#detect-preemption.
type Metadata struct {
	base   string
	client *http.Client
}

// NewMetadata returns a Metadata that asks the server of this URL, such as http://169.254.169.254.
func NewMetadata(base string) *Metadata {
	// No proxy: the server is the machine's own. A VM that reaches it through somebody else would hear of another VM.
	transport := &http.Transport{Proxy: nil, MaxIdleConnsPerHost: 1}
	return &Metadata{base: strings.TrimSuffix(base, "/"), client: &http.Client{Transport: transport, Timeout: pollTimeout}}
}

// Preempted is the value of instance/preempted: whether GCE has given notice. With the etag of an earlier answer it waits
// until the value is another one, up to a minute. Errors are worth another try: the server is away while the host is
// maintained, and says 503.
func (m *Metadata) Preempted(ctx context.Context, last string) (preempted bool, etag string, err error) {
	query := url.Values{}
	if last != "" {
		query = url.Values{"wait_for_change": {"true"}, "last_etag": {last}, "timeout_sec": {strconv.Itoa(pollSeconds)}}
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, m.base+"/computeMetadata/v1/instance/preempted?"+query.Encode(), nil)
	if err != nil {
		return false, "", err
	}
	request.Header.Set("Metadata-Flavor", "Google")
	response, err := m.client.Do(request)
	if err != nil {
		return false, "", err
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(response.Body, longestValue))
	if err != nil {
		return false, "", fmt.Errorf("read instance/preempted: %w", err)
	}
	value, etag := strings.TrimSpace(string(body)), response.Header.Get("ETag")
	switch {
	case response.StatusCode != http.StatusOK:
		return false, "", fmt.Errorf("instance/preempted: the metadata server answered %s", response.Status)
	case response.Header.Get("Metadata-Flavor") != "Google":
		return false, "", fmt.Errorf("instance/preempted: %s is no metadata server of Google Cloud", m.base)
	case value == "TRUE":
		return true, etag, nil
	case value == "FALSE":
		return false, etag, nil
	}
	return false, "", fmt.Errorf("instance/preempted is %.20q, neither TRUE nor FALSE", value)
}
