package story

import (
	"fmt"
	"strconv"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Options reads the options of a command, and remembers the first that is wrong.
type Options struct {
	Command
	Err error
}

// Number is a whole number.
func (o *Options) Number(name string, otherwise int32) *int32 {
	text, given := o.Options[name]
	if !given {
		return &otherwise
	}
	n, err := strconv.ParseInt(text, 10, 32)
	if err != nil {
		o.fail("%s=%q is no whole number", name, text)
	}
	otherwise = int32(n)
	return &otherwise
}

// Duration is a time such as 5m.
func (o *Options) Duration(name string, otherwise time.Duration) *metav1.Duration {
	text, given := o.Options[name]
	if !given {
		return &metav1.Duration{Duration: otherwise}
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		o.fail("%s=%q is no duration: write for example %s=30s", name, text, name)
	}
	return &metav1.Duration{Duration: d}
}

// Text is a word.
func (o *Options) Text(name, otherwise string) string {
	if text, given := o.Options[name]; given {
		return text
	}
	return otherwise
}

// TheName is the only argument.
func (o *Options) TheName() string {
	if len(o.Args) != 1 {
		o.fail("needs one name")
		return ""
	}
	return o.Args[0]
}

func (o *Options) fail(format string, args ...any) {
	if o.Err == nil {
		o.Err = fmt.Errorf("line %d: %s %s", o.Line, o.Name, fmt.Sprintf(format, args...))
	}
}
