package hooktest

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Constants are the values of the string constants of the API whose names begin with a prefix, sorted: what a table that wants a row
// for each is compared with. It reads the source, so that a constant which nobody has told the table of is found.
func Constants(t *testing.T, prefix string) []string {
	t.Helper()
	files, err := filepath.Glob("../../api/v1alpha1/*.go")
	require.NoError(t, err)
	var values []string
	for _, file := range files {
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
		require.NoError(t, err)
		ast.Inspect(parsed, func(n ast.Node) bool {
			if spec, is := n.(*ast.ValueSpec); is && strings.HasPrefix(spec.Names[0].Name, prefix) && len(spec.Values) == 1 {
				literal, is := spec.Values[0].(*ast.BasicLit)
				require.True(t, is, "%s is no literal", spec.Names[0].Name)
				value, err := strconv.Unquote(literal.Value)
				require.NoError(t, err)
				values = append(values, value)
			}
			return true
		})
	}
	require.NotEmpty(t, values, "no constant begins with %s", prefix)
	slices.Sort(values)
	return values
}
