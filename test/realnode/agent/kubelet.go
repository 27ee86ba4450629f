package main

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"k8s.io/client-go/rest"
)

// kubelet is the one of the agent's Node.
type kubelet struct {
	url    string
	client *http.Client
}

// newKubelet calls with the credentials of config. Kubelets have certificates that nobody has signed, so they are not checked.
func newKubelet(url string, config *rest.Config) *kubelet {
	transport := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
	return &kubelet{url: url, client: &http.Client{Transport: bearer{config.BearerTokenFile, transport}, Timeout: 5 * time.Minute}}
}

// checkpoint returns the path of the archive on the Node.
func (k *kubelet) checkpoint(ctx context.Context, namespace, pod, container string) (string, error) {
	url := fmt.Sprintf("%s/checkpoint/%s/%s/%s?timeout=300", k.url, namespace, pod, container)
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, nil)
	if err != nil {
		return "", fmt.Errorf("call the kubelet: %w", err)
	}
	answer, err := k.client.Do(request)
	if err != nil {
		return "", fmt.Errorf("call the kubelet: %w", err)
	}
	defer func() { _ = answer.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(answer.Body, 1<<20))
	if err != nil {
		return "", fmt.Errorf("read the kubelet's answer: %w", err)
	}
	if answer.StatusCode != http.StatusOK {
		return "", fmt.Errorf("kubelet checkpoint API returned status %d: %s", answer.StatusCode, strings.TrimSpace(string(body)))
	}
	var made struct{ Items []string }
	if err := json.Unmarshal(body, &made); err != nil || len(made.Items) == 0 {
		return "", fmt.Errorf("the kubelet names no archive: %s", body)
	}
	return made.Items[0], nil
}

// bearer adds the ServiceAccount's token, which the kubelet of this pod renews.
type bearer struct {
	file string
	next http.RoundTripper
}

func (b bearer) RoundTrip(r *http.Request) (*http.Response, error) {
	token, err := readFile(b.file)
	if err != nil {
		return nil, err
	}
	r = r.Clone(r.Context())
	r.Header.Set("Authorization", "Bearer "+token)
	return b.next.RoundTrip(r)
}
