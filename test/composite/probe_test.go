package composite_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// hookRequest is one call of a hook as it arrived.
type hookRequest struct {
	raw    []byte
	header http.Header

	Controller unstructured.Unstructured                        `json:"controller"`
	Parent     unstructured.Unstructured                        `json:"parent"`
	Children   map[string]map[string]*unstructured.Unstructured `json:"children"`
	Related    map[string]map[string]*unstructured.Unstructured `json:"related"`
	Finalizing bool                                             `json:"finalizing"`
}

// answer is the body of a successful response.
type answer map[string]any

// reply is a whole response; a zero code means 200.
type reply struct {
	code   int
	header map[string]string
	body   any
}

// probe is a hook server that remembers every call and answers as each test wants.
type probe struct {
	server *httptest.Server

	mu      sync.Mutex
	calls   map[string][]hookRequest           // by path
	answers map[string]func(hookRequest) reply // by path
}

func newProbe() *probe {
	p := &probe{calls: map[string][]hookRequest{}, answers: map[string]func(hookRequest) reply{}}
	p.server = httptest.NewServer(p)
	return p
}

// ServeHTTP answers 503 to whom no test has taught an answer.
func (p *probe) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	call := hookRequest{raw: body, header: r.Header}
	if err == nil {
		err = json.Unmarshal(body, &call)
	}
	if err != nil || r.Method != http.MethodPost {
		http.Error(w, "not a hook request", http.StatusBadRequest)
		return
	}
	p.mu.Lock()
	p.calls[r.URL.Path] = append(p.calls[r.URL.Path], call)
	respond := p.answers[r.URL.Path]
	p.mu.Unlock()
	out := reply{code: http.StatusServiceUnavailable, body: "no answer"}
	if respond != nil {
		out = respond(call)
	}
	out.write(w)
}

func (r reply) write(w http.ResponseWriter) {
	for key, value := range r.header {
		w.Header().Set(key, value)
	}
	if r.code == 0 {
		r.code = http.StatusOK
	}
	w.WriteHeader(r.code)
	if text, ok := r.body.(string); ok {
		_, _ = io.Copy(w, strings.NewReader(text))
		return
	}
	_ = json.NewEncoder(w).Encode(r.body)
}

func (p *probe) teach(path string, respond func(hookRequest) reply) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.answers[path] = respond
}

func (p *probe) called(path string) []hookRequest {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]hookRequest(nil), p.calls[path]...)
}
