package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// requestCount is a line of the API server's own count of requests (apiserver_request_total).
var requestCount = regexp.MustCompile(`^apiserver_request_total\{(.*)\} ([0-9.e+]+)$`)

var label = regexp.MustCompile(`([a-z_]+)="([^"]*)"`)

// writes is how many writing requests the API server has got so far, by verb and resource, from everybody: the operator,
// Metacontroller or its driver, and Kubernetes' controllers. Heartbeats of Nodes (leases and Node status) do not count, and
// neither do requests that store nothing (reviews of tokens and of access).
func (b *bench) writes(ctx context.Context) (map[string]float64, error) {
	content, err := b.lab.Client().Discovery().RESTClient().Get().AbsPath("/metrics").DoRaw(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the API server's metrics: %w", err)
	}
	return writesIn(content), nil
}

func writesIn(metrics []byte) map[string]float64 {
	writes := map[string]float64{}
	lines := bufio.NewScanner(bytes.NewReader(metrics))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		found := requestCount.FindStringSubmatch(lines.Text())
		if found == nil {
			continue
		}
		labels := map[string]string{}
		for _, pair := range label.FindAllStringSubmatch(found[1], -1) {
			labels[pair[1]] = pair[2]
		}
		if n, err := strconv.ParseFloat(found[2], 64); err == nil && isWrite(labels) {
			writes[strings.TrimSuffix(labels["verb"]+" "+labels["resource"]+"/"+labels["subresource"], "/")] += n
		}
	}
	return writes
}

func isWrite(labels map[string]string) bool {
	if !slices.Contains([]string{"POST", "PUT", "PATCH", "APPLY", "DELETE", "DELETECOLLECTION"}, labels["verb"]) {
		return false
	}
	switch {
	case strings.HasPrefix(labels["group"], "authentication."), strings.HasPrefix(labels["group"], "authorization."):
		return false
	case labels["resource"] == "leases", labels["resource"] == "nodes" && labels["subresource"] == "status":
		return false
	default:
		return true
	}
}

// sum is how many writes came between, and tells which they were.
func (b *bench) sum(before, after map[string]float64) float64 {
	total := 0.0
	for _, request := range sortedKeys(after) {
		if n := after[request] - before[request]; n > 0 {
			total += n
			b.screen.say(time.Now(), "the API server got %.0f times %s", n, request)
		}
	}
	return total
}
