// Package deps_test holds the module to its layout: which package may import which, each rule with its reason, and
// that the deciding files of a hook can neither fail nor wait. What single calls may be made is up to the linter.
package deps_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const module = "github.com/lehuannhatrang/spot-instance-training-operator"

// goPackage is what go list says of a package.
type goPackage struct {
	ImportPath                               string
	Standard                                 bool
	Imports, TestImports, XTestImports, Deps []string
}

func TestPackagesImportOnlyWhatTheyMay(t *testing.T) {
	packages := listed(t)
	require.NotEmpty(t, packages)
	assert.Empty(t, violations(packages, rules()))
}

// A rule for a package that was renamed would hold for ever.
func TestEveryRuleIsForSomePackage(t *testing.T) {
	packages := listed(t)
	for _, r := range rules() {
		assert.True(t, slices.ContainsFunc(packages, r.isFor), "no package matches %v (%s)", r.from, r.why)
	}
}

func TestDecidingFilesCanNeitherFailNorWait(t *testing.T) {
	files, err := filepath.Glob("../../hooks/*/decide*.go")
	require.NoError(t, err)
	require.NotEmpty(t, files, "no hook decides anything")
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
		require.NoError(t, err)
		assert.Empty(t, impure(parsed), "%s: read in observe.go, write in act.go, and make a failure a fact of observed", file)
	}
}

// impure returns the functions of a file that take a context, return an error, or start or wait for a goroutine.
func impure(file *ast.File) []string {
	var names []string
	for _, declaration := range file.Decls {
		function, is := declaration.(*ast.FuncDecl)
		if !is {
			continue
		}
		pure := true
		ast.Inspect(function, func(node ast.Node) bool {
			switch node := node.(type) {
			case *ast.GoStmt, *ast.SelectStmt, *ast.ChanType:
				pure = false
			case *ast.Ident:
				pure = pure && node.Name != "error" && node.Name != "context"
			}
			return true
		})
		if !pure {
			names = append(names, function.Name.Name)
		}
	}
	return names
}

// violations says which import breaks which rule, one line each.
func violations(packages []goPackage, rules []rule) []string {
	standard := map[string]bool{}
	for _, p := range packages {
		standard[p.ImportPath] = p.Standard
	}
	var broken []string
	for _, p := range packages {
		for _, r := range rules {
			if !r.isFor(p) {
				continue
			}
			for _, imported := range r.imports(p) {
				if r.forbids(imported, standard[imported]) {
					broken = append(broken, short(p.ImportPath)+" must not import "+short(imported)+": "+r.why)
				}
			}
		}
	}
	slices.Sort(broken)
	return slices.Compact(broken)
}

func (r rule) isFor(p goPackage) bool {
	if p.ImportPath != module && !strings.HasPrefix(p.ImportPath, module+"/") {
		return false
	}
	return matchesAny(r.from, p.ImportPath) && !matchesAny(r.except, p.ImportPath)
}

func (r rule) imports(p goPackage) []string {
	imports := slices.Clone(p.Imports)
	if r.tests {
		imports = append(append(imports, p.TestImports...), p.XTestImports...)
	}
	if r.deep {
		imports = append(imports, p.Deps...)
	}
	// The external tests of a package import it.
	return slices.DeleteFunc(imports, func(imported string) bool { return imported == p.ImportPath })
}

func (r rule) forbids(imported string, standard bool) bool {
	if standard && slices.Contains(r.allowed, "std") {
		return false
	}
	return matchesAny(r.forbidden, imported) && !matchesAny(r.allowed, imported)
}

func matchesAny(patterns []string, importPath string) bool {
	return slices.ContainsFunc(patterns, func(pattern string) bool {
		return matches(strings.Split(pattern, "/"), strings.Split(short(importPath), "/"))
	})
}

func matches(pattern, path []string) bool {
	switch {
	case len(pattern) == 0:
		return len(path) == 0
	case pattern[0] == "...":
		return true
	case len(path) == 0:
		return false
	}
	return (pattern[0] == "*" || pattern[0] == path[0]) && matches(pattern[1:], path[1:])
}

// short is the import path without this module's own.
func short(importPath string) string {
	return strings.TrimPrefix(importPath, module+"/")
}

// listed returns all packages of this module and everything they depend on, tests included.
func listed(t *testing.T) []goPackage {
	t.Helper()
	cmd := exec.Command("go", "list", "-e", "-deps", "-test",
		"-json=ImportPath,Standard,Imports,TestImports,XTestImports,Deps", module+"/...")
	cmd.Dir = "../.."
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	require.NoError(t, err, stderr.String())
	var packages []goPackage
	decoder := json.NewDecoder(bytes.NewReader(out))
	for {
		var p goPackage
		err := decoder.Decode(&p)
		if errors.Is(err, io.EOF) {
			return packages
		}
		require.NoError(t, err)
		if !strings.Contains(p.ImportPath, " ") && !strings.HasSuffix(p.ImportPath, ".test") { // variants built for a test
			packages = append(packages, p)
		}
	}
}
