package gcefake

import (
	"fmt"
	"strings"
)

// mask is a parsed "fields" parameter: the keys to keep, each with a mask of its own; an empty one keeps all.
type mask map[string]mask

// parseFields reads a field mask such as items(name,scheduling/maxRunDuration),items/*/warning,nextPageToken.
func parseFields(fields string) (mask, error) {
	m := mask{}
	rest, err := m.parse(fields)
	if err != nil || rest != "" {
		return nil, fmt.Errorf("invalid field selection %q", fields)
	}
	return m, nil
}

func (m mask) parse(s string) (rest string, err error) {
	for {
		at := m
		for {
			end := strings.IndexAny(s, ",/()")
			if end < 0 {
				end = len(s)
			}
			if end == 0 {
				return "", fmt.Errorf("empty name")
			}
			at = at.child(s[:end])
			s = s[end:]
			if !strings.HasPrefix(s, "/") {
				break
			}
			s = s[1:]
		}
		if strings.HasPrefix(s, "(") {
			if s, err = at.parse(s[1:]); err != nil || !strings.HasPrefix(s, ")") {
				return "", fmt.Errorf("no closing parenthesis")
			}
			s = s[1:]
		}
		if !strings.HasPrefix(s, ",") {
			return s, nil
		}
		s = s[1:]
	}
}

func (m mask) child(key string) mask {
	if m[key] == nil {
		m[key] = mask{}
	}
	return m[key]
}

// apply keeps of a JSON value what the mask names. Lists are looked through.
func (m mask) apply(value any) any {
	if len(m) == 0 {
		return value
	}
	switch v := value.(type) {
	case []any:
		kept := make([]any, len(v))
		for i := range v {
			kept[i] = m.apply(v[i])
		}
		return kept
	case map[string]any:
		kept := map[string]any{}
		for key, child := range v {
			if sub, ok := m[key]; ok {
				kept[key] = sub.apply(child)
			} else if sub, ok := m["*"]; ok {
				kept[key] = sub.apply(child)
			}
		}
		return kept
	default:
		return value
	}
}
