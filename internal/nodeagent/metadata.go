package nodeagent

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
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
	transport := &http.Transport{Proxy: nil, MaxIdleConnsPerHost: 2}
	return &Metadata{base: strings.TrimSuffix(base, "/"), client: &http.Client{Transport: transport, Timeout: pollTimeout}}
}

// sign is a value of the metadata server that tells of the VM's end.
type sign struct {
	key    string   // below /computeMetadata/v1/
	end    string   // the value that means it
	others []string // what it may say else
}

// The signs that GCE gives. Migration to another host ends no VM; those with GPUs cannot migrate.
var (
	preemption  = sign{"instance/preempted", "TRUE", []string{"FALSE"}}
	maintenance = sign{"instance/maintenance-event", "TERMINATE_ON_HOST_MAINTENANCE", []string{"NONE", "MIGRATE_ON_HOST_MAINTENANCE"}}
)

// read tells whether the VM's end is announced. With the etag of an earlier answer it waits until the value is another one,
// up to a minute. Errors are worth another try: the server is away while the host is maintained, and says 503.
func (m *Metadata) read(ctx context.Context, s sign, last string) (ends bool, etag string, err error) {
	query := url.Values{}
	if last != "" {
		query = url.Values{"wait_for_change": {"true"}, "last_etag": {last}, "timeout_sec": {strconv.Itoa(pollSeconds)}}
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, m.base+"/computeMetadata/v1/"+s.key+"?"+query.Encode(), nil)
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
		return false, "", fmt.Errorf("read %s: %w", s.key, err)
	}
	value, etag := strings.TrimSpace(string(body)), response.Header.Get("ETag")
	switch {
	case response.StatusCode != http.StatusOK:
		return false, "", fmt.Errorf("%s: the metadata server answered %s", s.key, response.Status)
	case response.Header.Get("Metadata-Flavor") != "Google":
		return false, "", fmt.Errorf("%s: %s is no metadata server of Google Cloud", s.key, m.base)
	case value == s.end:
		return true, etag, nil
	case slices.Contains(s.others, value):
		return false, etag, nil
	}
	return false, "", fmt.Errorf("%s is %.40q, none of %s, %s", s.key, value, s.end, strings.Join(s.others, ", "))
}
