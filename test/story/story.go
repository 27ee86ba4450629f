// Package story is the language in which the tests tell what happens to a training job. It knows no world: the simulator
// (test/sim) and the lab on a real API server (test/e2e) each perform the commands in their own way, from the same files.
//
//	# Why this is told.
//	pool t4 zones=a,b
//	job resnet interval=5m pool=t4 replicas=2
//	wait job resnet trains=2
//	preempt resnet/0 notice=none
//	wait replica resnet/0 attempt=2 phase=Running
//	status job resnet
//	----
//	Running, 2 of 2 active on 2 VMs, 1 preemption
//	replica 0: attempt 2 Running, from a preemption checkpoint of replica 1
//	replica 1: attempt 1 Running, from the template
//
//	end
//
// Commands that only look are performed here, by Look, from a Scene that each world provides; so is what a pool and a job
// are made of: see PoolOf and JobOf. A story of both worlds waits for all that it then asks about, and never counts what a
// slow machine does more or less often.
//
// A command is a line: its name, arguments, options of the form key=value. What it must print follows after a line of four
// dashes and ends with an empty line. A command without one may print anything.
package story

import (
	"bufio"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Story is one file.
type Story struct {
	Name     string
	Comment  string // above the first command, without the marks
	Commands []Command
}

// Command is one line of a story.
type Command struct {
	Line    int // from 1; 0 for one that is in no file
	Name    string
	Args    []string
	Options map[string]string // key=value
	Want    string            // the output that must follow, with its last newline; empty for none
	HasWant bool
}

// World performs commands. An error ends the story: it is about a command that makes no sense, or about something that
// did not happen in time.
type World interface {
	Do(Command) (output string, err error)
}

// dashes separate a command from its output.
const dashes = "----"

// Parse reads a story. Errors name the line.
func Parse(name, text string) (Story, error) {
	s := Story{Name: name}
	scanner := bufio.NewScanner(strings.NewReader(text))
	inOutput := false
	for number := 1; scanner.Scan(); number++ {
		line := scanner.Text()
		switch {
		case inOutput:
			inOutput = s.output(line)
		case line == dashes:
			if len(s.Commands) == 0 {
				return s, fmt.Errorf("%s:%d: %s without a command above it", name, number, dashes)
			}
			s.Commands[len(s.Commands)-1].HasWant, inOutput = true, true
		case strings.HasPrefix(line, "#"):
			s.comment(strings.TrimPrefix(strings.TrimPrefix(line, "#"), " "))
		case strings.TrimSpace(line) != "":
			s.Commands = append(s.Commands, parseCommand(number, line))
		}
	}
	return s, scanner.Err()
}

// output takes a line of output, and reports false if it ends there.
func (s *Story) output(line string) bool {
	if line == "" {
		return false
	}
	s.Commands[len(s.Commands)-1].Want += line + "\n"
	return true
}

// comment takes a line that tells why. Only what stands above the first command is kept.
func (s *Story) comment(line string) {
	if len(s.Commands) > 0 {
		return
	}
	s.Comment += line + "\n"
}

func parseCommand(number int, line string) Command {
	fields := strings.Fields(line)
	c := Command{Line: number, Name: fields[0]}
	for _, field := range fields[1:] {
		if key, value, isOption := strings.Cut(field, "="); isOption {
			if c.Options == nil {
				c.Options = map[string]string{}
			}
			c.Options[key] = value
			continue
		}
		c.Args = append(c.Args, field)
	}
	return c
}

// ReadDir reads all stories of a directory, by name.
func ReadDir(dir string) ([]Story, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*.story"))
	if err != nil {
		return nil, err
	}
	var all []Story
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		s, err := Parse(strings.TrimSuffix(filepath.Base(file), ".story"), string(text))
		if err != nil {
			return nil, err
		}
		all = append(all, s)
	}
	return all, nil
}

// Tell performs a story. It returns the story as it turned out, each output that the story wants in place of the wanted
// one. The error is the first command's that failed; the story ends there.
func Tell(s Story, w World) (Story, error) {
	told := s
	told.Commands = slices.Clone(s.Commands)
	for i := range told.Commands {
		c := &told.Commands[i]
		output, err := w.Do(*c)
		if err != nil {
			return told, fmt.Errorf("%s:%d: %s: %w", s.Name, c.Line, c, err)
		}
		if c.HasWant {
			c.Want = withNewline(output)
		}
	}
	return told, nil
}

func withNewline(output string) string {
	if output == "" || strings.HasSuffix(output, "\n") {
		return output
	}
	return output + "\n"
}

// String is the story as a file.
func (s Story) String() string {
	var b strings.Builder
	for line := range strings.Lines(s.Comment) {
		b.WriteString(strings.TrimRight("# "+line, " \n") + "\n")
	}
	for i, c := range s.Commands {
		b.WriteString(c.String() + "\n")
		if !c.HasWant {
			continue
		}
		b.WriteString(dashes + "\n" + c.Want)
		if i < len(s.Commands)-1 {
			b.WriteString("\n")
		}
	}
	return b.String()
}

// String is the command's line, options in the order of their names.
func (c Command) String() string {
	fields := append([]string{c.Name}, c.Args...)
	for _, key := range slices.Sorted(maps.Keys(c.Options)) {
		fields = append(fields, key+"="+c.Options[key])
	}
	return strings.Join(fields, " ")
}
