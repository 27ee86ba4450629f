package cluster

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"net/http"
	"time"
)

// Exchange is one hook call as it went over the wire.
type Exchange struct {
	Time     time.Time
	Path     string // /spotinstancejob/sync
	Request  []byte
	Status   int // 0: no answer
	Response []byte
	Took     time.Duration
}

// serviceProxy is an HTTP forward proxy that knows one host: the operator's Service. So Metacontroller calls the hooks by
// the URLs of manifests/, without cluster DNS.
type serviceProxy struct {
	host    string        // of the Service, as in the CompositeControllers' URLs
	target  func() string // host:port of the hooks
	observe func(Exchange)
	client  *http.Client
}

func (p *serviceProxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Host != p.host {
		http.Error(w, fmt.Sprintf("the lab knows no host %q", r.URL.Host), http.StatusBadGateway)
		return
	}
	exchange := Exchange{Time: time.Now(), Path: r.URL.Path}
	if err := p.forward(w, r, &exchange); err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
	}
	exchange.Took = time.Since(exchange.Time)
	if p.observe != nil {
		p.observe(exchange)
	}
}

// forward copies the call and its answer. An error means that nothing has been answered yet.
func (p *serviceProxy) forward(w http.ResponseWriter, r *http.Request, exchange *Exchange) (err error) {
	if exchange.Request, err = io.ReadAll(r.Body); err != nil {
		return fmt.Errorf("read the call: %w", err)
	}
	url := "http://" + p.target() + r.URL.RequestURI()
	call, err := http.NewRequestWithContext(r.Context(), r.Method, url, bytes.NewReader(exchange.Request))
	if err != nil {
		return fmt.Errorf("make the call: %w", err)
	}
	call.Header = r.Header.Clone()
	call.Host = p.host
	answer, err := p.client.Do(call)
	if err != nil {
		return fmt.Errorf("call the hooks: %w", err)
	}
	defer func() { _ = answer.Body.Close() }()
	if exchange.Response, err = io.ReadAll(answer.Body); err != nil {
		return fmt.Errorf("read the hooks' answer: %w", err)
	}
	exchange.Status = answer.StatusCode
	maps.Copy(w.Header(), answer.Header)
	w.WriteHeader(answer.StatusCode)
	_, _ = w.Write(exchange.Response) // a caller that has gone is its own problem
	return nil
}
