package webhook

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"time"

	json "github.com/go-json-experiment/json/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// maxText is how much of an error, a name or a UID is said: any of them may be megabytes of somebody's request.
const maxText = 1000

// writeTime is how long a client may take to read its answer.
const writeTime = 5 * time.Second

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
		o := answer[P, O](r, hook)
		line := append([]slog.Attr{slog.String("hook", name)}, o.line...)
		line = append(line, slog.Int64("ms", time.Since(start).Milliseconds()))
		o.line = line
		respond(r.Context(), w, log, o)
	}
}

// answer has let go of the request's memory when it returns: a client may take its time to read.
func answer[P any, O object[P]](r *http.Request, hook func(context.Context, *Request[P]) (Response, error)) (o outcome) {
	defer func() { _ = r.Body.Close() }()
	var request Request[P]
	if o.err = decode(r, &request); o.err != nil {
		return o
	}
	parent := O(&request.Parent)
	if parent.GetUID() == "" {
		o.err = errNoParent
		return o
	}
	o.line = append(o.line, slog.String("parent", brief(parent.GetNamespace()+"/"+parent.GetName())), slog.String("uid", brief(string(parent.GetUID()))))
	response, err := hook(r.Context(), &request)
	o.line = append(o.line, response.Log...)
	if o.err = err; err == nil {
		o.body, o.err = encode(response)
	}
	return o
}

var errNoParent = fmt.Errorf("%w: the request has no parent with a UID", ErrBadRequest)

// Customize serves a customize call with hook, which must be a pure function of the parent: Metacontroller caches its
// answer by the parent's UID and generation.
func Customize[P any, O object[P]](log *slog.Logger, name string, hook func(*P) CustomizeResponse) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var request CustomizeRequest[P]
		var body []byte
		err := decode(r, &request)
		if err == nil && O(&request.Parent).GetUID() == "" {
			err = errNoParent
		}
		if err == nil {
			body, err = json.Marshal(hook(&request.Parent))
		}
		respond(r.Context(), w, log, outcome{body: body, err: err, line: []slog.Attr{slog.String("hook", name)}, quiet: true})
	}
}

func decode(r *http.Request, into any) error {
	text, err := textOf(r)
	if err != nil {
		return err
	}
	if err := unmarshalInPlace(text, into); err != nil {
		return fmt.Errorf("%w: decode the request: %w", ErrBadRequest, err)
	}
	return nil
}

// textOf is the body, which a Gate has read already wherever others can call.
func textOf(r *http.Request) ([]byte, error) {
	if body, ok := r.Body.(*received); ok {
		return body.text, nil
	}
	text, err := io.ReadAll(io.LimitReader(r.Body, maxBody+1))
	if err != nil {
		return nil, fmt.Errorf("%w: read the request: %w", ErrBadRequest, err)
	}
	if len(text) > maxBody {
		return nil, errTooLarge
	}
	return text, nil
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
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(writeTime)) // only a test's recorder has none
	if o.err != nil {
		code := http.StatusInternalServerError
		if errors.Is(o.err, errTooLarge) {
			code = http.StatusRequestEntityTooLarge
		} else if errors.Is(o.err, ErrBadRequest) {
			code = http.StatusBadRequest
		}
		text := brief(o.err.Error())
		log.LogAttrs(ctx, slog.LevelError, "hook failed", append(o.line, slog.Int("code", code), slog.String("error", text))...)
		http.Error(w, text, code)
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

// brief is one line of at most maxText bytes.
func brief(text string) string {
	cut := len(text) > maxText
	if cut {
		text = text[:maxText]
	}
	text = strings.Join(strings.FieldsFunc(strings.ToValidUTF8(text, ""), func(r rune) bool { return r == '\n' || r == '\r' }), " ")
	if cut {
		text += " …"
	}
	return text
}
