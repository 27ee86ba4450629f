package webhook

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"sync"
	"time"

	json "github.com/go-json-experiment/json/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// maxBody bounds a request: a pool of 1,000 VMs with kubelet-size Nodes and their pods stays below 64 MiB.
const maxBody = 128 << 20

// mostReserved is how much memory the mere announcement of a request's length can take.
const mostReserved = 4 << 20

// object is a pointer to P that has Kubernetes metadata.
type object[P any] interface {
	*P
	metav1.Object
}

// Sync serves a sync or finalize call with hook. An error of hook is answered with 500, or 400 if it wraps
// ErrBadRequest; its text ends up in an Event on the parent, so it must be fit for the user and hold no secret.
func Sync[P any, O object[P]](log *slog.Logger, name string, hook func(context.Context, *Request[P]) (Response, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		var request Request[P]
		line := []slog.Attr{slog.String("hook", name)}
		var body []byte
		text := texts.Get().(*bytes.Buffer)
		defer recycle(text) // the request's objects are in it
		err := decode(w, r, text, &request)
		parent := O(&request.Parent)
		if err == nil && parent.GetUID() == "" {
			err = fmt.Errorf("%w: the request has no parent with a UID", ErrBadRequest)
		}
		if err == nil {
			line = append(line,
				slog.String("parent", parent.GetNamespace()+"/"+parent.GetName()),
				slog.String("uid", string(parent.GetUID())))
			var response Response
			response, err = hook(r.Context(), &request)
			line = append(line, response.Log...)
			if err == nil {
				body, err = encode(response)
			}
		}
		line = append(line, slog.Int64("ms", time.Since(start).Milliseconds()))
		respond(r.Context(), w, log, outcome{body: body, err: err, line: line})
	}
}

// Customize serves a customize call with hook, which must be a pure function of the parent: Metacontroller caches its
// answer by the parent's UID and generation.
func Customize[P any, O object[P]](log *slog.Logger, name string, hook func(*P) CustomizeResponse) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var request CustomizeRequest[P]
		var body []byte
		err := decode(w, r, new(bytes.Buffer), &request)
		if err == nil && O(&request.Parent).GetUID() == "" {
			err = fmt.Errorf("%w: the request has no parent with a UID", ErrBadRequest)
		}
		if err == nil {
			body, err = json.Marshal(hook(&request.Parent))
		}
		respond(r.Context(), w, log, outcome{body: body, err: err, line: []slog.Attr{slog.String("hook", name)}, quiet: true})
	}
}

// texts are the buffers of requests that are answered: 28 MB of new memory for a pool of 1,000 VMs take as long as to copy them.
var texts = sync.Pool{New: func() any { return new(bytes.Buffer) }}

func recycle(text *bytes.Buffer) {
	text.Reset()
	texts.Put(text)
}

func decode(w http.ResponseWriter, r *http.Request, text *bytes.Buffer, into any) error {
	if err := readAll(text, http.MaxBytesReader(w, r.Body, maxBody), min(max(r.ContentLength, 0), maxBody)); err != nil {
		return fmt.Errorf("%w: read the request: %w", ErrBadRequest, err)
	}
	if err := unmarshalInPlace(text.Bytes(), into); err != nil {
		return fmt.Errorf("%w: decode the request: %w", ErrBadRequest, err)
	}
	return nil
}

// readAll reads a body of the announced length. What is announced is believed once mostReserved of it is there: a buffer that
// only doubles costs as much as the decoding.
func readAll(into *bytes.Buffer, body io.Reader, announced int64) error {
	first := min(announced, mostReserved)
	into.Grow(int(first) + bytes.MinRead)
	if _, err := io.CopyN(into, body, first); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	into.Grow(int(announced-first) + bytes.MinRead)
	_, err := into.ReadFrom(body)
	return err
}

// encode refuses what Metacontroller would take for an order to wipe the status, or would crash on.
func encode(response Response) ([]byte, error) {
	if response.Status == nil {
		return nil, errors.New("the hook returned no status")
	}
	if response.Children == nil {
		response.Children = []any{}
	}
	for i, child := range response.Children {
		data, err := json.Marshal(child)
		if err != nil {
			return nil, fmt.Errorf("encode child %d: %w", i, err)
		}
		if string(data) == "null" {
			return nil, errors.New("the hook returned a null child")
		}
		response.Children[i] = json.RawMessage(data)
	}
	return json.Marshal(response)
}

type outcome struct {
	body  []byte
	err   error
	line  []slog.Attr
	quiet bool // success is logged at debug level only
}

func respond(ctx context.Context, w http.ResponseWriter, log *slog.Logger, o outcome) {
	if o.err != nil {
		code := http.StatusInternalServerError
		if tooLarge, _ := errors.AsType[*http.MaxBytesError](o.err); tooLarge != nil {
			code = http.StatusRequestEntityTooLarge
		} else if errors.Is(o.err, ErrBadRequest) {
			code = http.StatusBadRequest
		}
		log.LogAttrs(ctx, slog.LevelError, "hook failed", append(o.line, slog.Int("code", code), slog.String("error", o.err.Error()))...)
		http.Error(w, o.err.Error(), code)
		return
	}
	level := slog.LevelInfo
	if o.quiet {
		level = slog.LevelDebug
	}
	w.Header().Set("Content-Type", "application/json")
	if _, err := io.Copy(w, bytes.NewReader(o.body)); err != nil {
		log.LogAttrs(ctx, slog.LevelWarn, "response not delivered", append(o.line, slog.String("error", err.Error()))...)
		return
	}
	log.LogAttrs(ctx, level, "hook", o.line...)
}
