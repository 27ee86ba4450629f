package gce

import (
	"regexp"
	"strings"
)

const maxMessage = 300 // bytes

// A refused metadata value is quoted by GCE, and metadata carries the startup script and its join token.
var metadataEcho = regexp.MustCompile(`(?s)(resource\.metadata[^']*').*`)

// oneLine makes a message of GCE or of a transport fit for a condition.
func oneLine(s string) string {
	s = metadataEcho.ReplaceAllString(s, "$1: value withheld")
	s = strings.Join(strings.Fields(s), " ")
	if len(s) <= maxMessage {
		return s
	}
	return strings.ToValidUTF8(s[:maxMessage-3], "") + "..."
}
