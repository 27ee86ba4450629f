package gcefake

import (
	"fmt"
	"regexp"
	"strings"
)

// term is one (field = "value") of a filter.
type term struct{ field, value string }

var filterTerm = regexp.MustCompile(`^\s*(?:AND\s+)?\(?\s*([A-Za-z][A-Za-z0-9._-]*)\s*=\s*(?:"([^"]*)"|([^\s()"]+))\s*\)?\s*`)

// parseFilter reads the filters of which all terms must hold, each an equality. GCE knows many more.
func parseFilter(filter string) ([]term, error) {
	var terms []term
	for rest := filter; strings.TrimSpace(rest) != ""; {
		m := filterTerm.FindStringSubmatch(rest)
		if m == nil {
			return nil, fmt.Errorf("invalid list filter expression at %q: this fake knows (field = \"value\") only", rest)
		}
		terms = append(terms, term{m[1], m[2] + m[3]})
		rest = rest[len(m[0]):]
	}
	return terms, nil
}

// matches looks the fields up in the JSON of an item: labels.owner is the entry owner of labels.
func matches(item map[string]any, terms []term) bool {
	for _, t := range terms {
		value := any(item)
		for key := range strings.SplitSeq(t.field, ".") {
			object, _ := value.(map[string]any)
			value = object[key]
		}
		if value == nil || fmt.Sprint(value) != t.value {
			return false
		}
	}
	return true
}
