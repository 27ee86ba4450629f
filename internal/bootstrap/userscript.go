package bootstrap

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"path"
	"regexp"
	"strings"
	"unicode/utf8"
)

// maxUserScript is how many bytes of a user's script fit, in base64, into the 256 KiB that GCE takes for one value of a VM's
// metadata, beside the rest of the startup script with as many labels and taints as a pool may have.
const maxUserScript = 160 << 10

const plainScript = "write a bash script, or one whose first line names another interpreter, such as #!/usr/bin/env python3"

// formats are what people give to VMs in other places, by the first line that has something in it. The VM would run it as bash.
var formats = []struct {
	form *regexp.Regexp
	is   string
}{
	{regexp.MustCompile(`^#(cloud-config(-archive|-jsonp)?|include(-once)?|part-handler|upstart-job)\s*$`), "is for cloud-init, and no shell runs it"},
	{regexp.MustCompile(`(?i)^##\s*template:`), "is a template of cloud-init, and nothing fills it in"},
	{regexp.MustCompile(`^#ps1(_|\b)|^<[A-Za-z?!]|(?i)^@echo\s`), "is for Windows, or is XML, and no shell runs it"},
	{regexp.MustCompile(`^[A-Za-z_-]+:(\s|$)`), "is YAML or a MIME message, and no shell runs it"},
	{regexp.MustCompile("^(\x1f|\\x{fffd}|BZh|\\x{fffd}?7zXZ)"), "is compressed or no text at all, and nothing unpacks it"},
}

// UserScriptProblem is why a VM could not run the user's script, and what to do; empty if nothing is known against it. The
// script is a file that the kernel starts by its #! line, or bash if it has none.
func UserScriptProblem(script string) string {
	switch {
	case script == "":
		return ""
	case len(script) > maxUserScript:
		return fmt.Sprintf("has %d bytes, and at most %d fit into the metadata of a VM: let it fetch the rest, or put that into spec.vmImage", len(script), maxUserScript)
	case strings.HasPrefix(script, "\ufeff"):
		return "begins with a byte order mark, which hides its first line: save it as UTF-8 without one"
	case strings.ContainsRune(script, 0):
		return "has a NUL character, so it is no text: " + plainScript
	}
	if problem := formatProblem(script); problem != "" {
		return problem
	}
	if line := lineWithReturn(script); line > 0 {
		return fmt.Sprintf("ends line %d with a carriage return, as Windows does, and Linux takes that for a part of the line: convert it, as with dos2unix; where one is meant, write $'\\r'", line)
	}
	return interpreterProblem(script)
}

// formatProblem tells of a script that is none. What has a #! line is left to its interpreter.
func formatProblem(script string) string {
	if strings.HasPrefix(script, "#!") {
		return ""
	}
	if form := encodedForm(script); form != "" {
		return "is " + form + ", and nothing decodes it: write the script as it is"
	}
	for _, line := range []string{firstLine(script, false), firstLine(script, true)} {
		for _, known := range formats {
			if known.form.MatchString(line) {
				return fmt.Sprintf("begins with %.40q: this %s: %s", line, known.is, plainScript)
			}
		}
	}
	return ""
}

// firstLine is the first line that has something in it, or something other than a comment, without blanks around it.
func firstLine(script string, skipComments bool) string {
	for line := range strings.Lines(script) {
		if line = strings.Trim(line, " \t\r\n\ufeff"); line != "" && !(skipComments && strings.HasPrefix(line, "#")) {
			return line
		}
	}
	return ""
}

// lineWithReturn is the number of the first line that ends with a carriage return; 0 if none does.
func lineWithReturn(script string) int {
	if strings.Contains(script, "\r") && !strings.Contains(script, "\n") {
		return 1 // all lines end with nothing else
	}
	for i, line := range strings.Split(script, "\n") {
		if strings.HasSuffix(line, "\r") {
			return i + 1
		}
	}
	return 0
}

// encodedForm is what a script is in, if it is not in plain text.
func encodedForm(script string) string {
	if text := strings.TrimSpace(script); strings.HasPrefix(text, "{") && json.Valid([]byte(text)) {
		return "JSON"
	}
	decoded, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(script), ""))
	text := string(decoded)
	isText := utf8.ValidString(text) && (strings.HasPrefix(text, "#") || strings.Contains(text, "\n"))
	if err == nil && (strings.HasPrefix(text, "\x1f\x8b") || isText) {
		return "base64"
	}
	return ""
}

// shells are on every VM: bash runs the startup script, and sh is what kubeadm's own package needs. Without a path env finds them.
var shells = regexp.MustCompile(`^(/bin/|/usr/bin/)?(bash|sh|dash)$`)

// Interpreter is the program that a user's script names in its #! line, if it is not a shell that every VM has; else empty.
func Interpreter(script string) string {
	rest, found := strings.CutPrefix(script, "#!")
	if !found {
		return ""
	}
	line, _, _ := strings.Cut(rest, "\n")
	if program, _ := parseInterpreter(line); !shells.MatchString(program) {
		return program
	}
	return ""
}

// interpreterProblem is what keeps Linux from starting a script as its #! line says.
func interpreterProblem(script string) string {
	first := firstLine(script, false)
	if !strings.HasPrefix(script, "#!") {
		if program := Interpreter(first); program != "" {
			return fmt.Sprintf("has %.60q after blank space, where it counts for nothing, and bash would run the script: move it to the very beginning", first)
		}
		return ""
	}
	if _, problem := parseInterpreter(first[len("#!"):]); problem != "" {
		return fmt.Sprintf("begins with %.60q, %s", first, problem)
	}
	return ""
}

// parseInterpreter is the program that a #! line names, or what is wrong with the line. Linux takes what follows the first
// word as one argument, blanks included.
func parseInterpreter(line string) (program, problem string) {
	words := strings.Fields(line)
	if len(words) == 0 || !strings.HasPrefix(words[0], "/") {
		return "", "which names no interpreter by its absolute path: write #!/bin/bash, or remove the line"
	}
	program, arguments := words[0], words[1:]
	if path.Base(program) == "env" {
		switch {
		case len(arguments) == 0:
			return "", "which names no program: write #!/usr/bin/env bash"
		case strings.HasPrefix(arguments[0], "-S") || strings.HasPrefix(arguments[0], "--split-string"):
			return programAfterSplit(arguments)
		case len(arguments) > 1:
			return "", fmt.Sprintf("and Linux gives env all of %.60q as the name of one program: write #!/usr/bin/env -S and then the words", strings.Join(arguments, " "))
		}
		program, arguments = arguments[0], nil
	}
	name := strings.ToLower(path.Base(program))
	switch {
	case name == "powershell" || name == "cmd" || strings.HasSuffix(name, ".exe"):
		return "", "a program of Windows, and VMs run Linux: " + plainScript
	case len(arguments) > 1 && shells.MatchString(name):
		return "", fmt.Sprintf("and Linux gives the shell all of %.60q as one option: write them as one word, such as -eu, or as set -eu on the next line", strings.Join(arguments, " "))
	}
	return program, ""
}

// programAfterSplit is the program that env starts after -S: variables and further options come before it.
func programAfterSplit(arguments []string) (program, problem string) {
	arguments[0] = strings.TrimPrefix(strings.TrimPrefix(strings.TrimPrefix(arguments[0], "--split-string"), "-S"), "=")
	for _, word := range arguments {
		if word != "" && !strings.HasPrefix(word, "-") && !strings.Contains(word, "=") {
			return word, ""
		}
	}
	return "", "which names no program: write #!/usr/bin/env -S bash -eu"
}
