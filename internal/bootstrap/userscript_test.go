package bootstrap_test

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"

	"github.com/lehuannhatrang/spot-instance-training-operator/internal/bootstrap"
)

func TestScriptsThatNoVMCanRunAreRefused(t *testing.T) {
	const script = "set -eu\necho hello\n"
	for name, c := range map[string]struct{ script, says string }{
		"Windows line ends":             {"#!/bin/bash\r\necho a\r\n", "ends line 1 with a carriage return"},
		"Windows line ends, no #!":      {"echo a\r\necho b\r\n", "dos2unix"},
		"one Windows line":              {"#!/bin/bash\necho a\necho b\r\necho c\n", "ends line 3"},
		"a return at the end":           {"echo a\r", "ends line 1"},
		"line ends of an old Mac":       {"#!/bin/bash\recho a\r", "ends line 1"},
		"byte order mark":               {"\ufeff#!/bin/bash\n" + script, "save it as UTF-8 without one"},
		"UTF-16":                        {"#\x00!\x00/\x00b\x00", "NUL character"},
		"cloud-config":                  {"#cloud-config\npackages: [jq]\n", `begins with "#cloud-config": this is for cloud-init`},
		"cloud-config from Windows":     {"#cloud-config\r\npackages: [jq]\r\n", "cloud-init"},
		"cloud-config after blanks":     {"\n  #cloud-config\npackages: [jq]\n", "cloud-init"},
		"cloud-config archive":          {"#cloud-config-archive\n- type: x\n", "cloud-init"},
		"cloud-config without its mark": {"# our nodes\npackages:\n- jq\n", `begins with "packages:": this is YAML`},
		"cloud-init's include":          {"#include\nhttps://example.com/a\n", "cloud-init"},
		"cloud-init's part handler":     {"#part-handler\ndef list_types():\n", "cloud-init"},
		"jinja":                         {"## template: jinja\n#cloud-config\npackages: [jq]\n", "a template of cloud-init"},
		"MIME":                          {"Content-Type: multipart/mixed; boundary=\"x\"\nMIME-Version: 1.0\n\n--x\n", "MIME"},
		"MIME, the other way around":    {"MIME-Version: 1.0\nContent-Type: multipart/mixed\n", "MIME"},
		"Butane":                        {"variant: fcos\nversion: 1.5.0\n", "YAML"},
		"Ignition":                      {`{"ignition": {"version": "3.4.0"}}`, "is JSON"},
		"PowerShell":                    {"#ps1_sysnative\nGet-Process\n", "Windows"},
		"PowerShell as EC2 takes it":    {"<powershell>\nGet-Process\n</powershell>\n", "Windows"},
		"a batch file":                  {"@echo off\nping x\n", "Windows"},
		"gzip":                          {"\x1f\ufffd\x08\x01", "compressed"},
		"gzip in base64":                {"H4sIAAAAAAAAA0tNzshXyEjNyckHAC2Vt1IMAAAA\n", "is base64"},
		"base64":                        {base64.StdEncoding.EncodeToString([]byte("#!/bin/bash\n" + script)), "is base64"},
		"base64 of cloud-config, lines": {"I2Nsb3VkLWNvbmZpZwpw\nYWNrYWdlczogW2pxXQo=\n", "is base64"},
		"no path":                       {"#!bash\n" + script, "absolute path"},
		"no path, PowerShell":           {"#!powershell\nGet-Process\n", "absolute path"},
		"no interpreter":                {"#!\n" + script, "absolute path"},
		"PowerShell of Windows":         {"#!/usr/bin/env powershell.exe\nGet-Process\n", "VMs run Linux"},
		"env alone":                     {"#!/usr/bin/env\n" + script, "names no program"},
		"env with options":              {"#!/usr/bin/env bash -eu\n" + script, "write #!/usr/bin/env -S"},
		"env -S alone":                  {"#!/usr/bin/env -S LANG=C\n" + script, "names no program"},
		"two options":                   {"#!/bin/bash -e -u\n" + script, "write them as one word"},
		"Python after a blank line":     {"\n#!/usr/bin/env python3\nprint(1)\n", "move it to the very beginning"},
		"too long":                      {strings.Repeat("é", 90_000), "has 180000 bytes, and at most 163840"},
	} {
		t.Run(name, func(t *testing.T) {
			assert.Contains(t, bootstrap.UserScriptProblem(c.script), c.says)
		})
	}
}

// TestScriptsThatVMsCanRun: those are run here, too, if this machine has what they name.
func TestScriptsThatVMsCanRun(t *testing.T) {
	for name, c := range map[string]struct{ script, needs string }{
		"empty":                      {"", ""},
		"blank":                      {"\n", ""},
		"no interpreter line":        {"echo a\n", ""},
		"no newline":                 {"true", ""},
		"bash":                       {"#!/bin/bash\necho a\n", ""},
		"bash, by env":               {"#! /usr/bin/env bash\necho a\n", ""},
		"bash, by env, with options": {"#!/usr/bin/env -S LANG=C bash -e -u\necho a\n", ""},
		"bash with options":          {"#!/bin/bash -eu\necho a\n", ""},
		"sh":                         {"#!/bin/sh\necho a\n", ""},
		"sh with an option":          {"#!/usr/bin/sh -e\necho a\n", ""},
		"bash after a blank line":    {"\n#!/bin/bash\necho a\n", ""},
		"a comment":                  {"# cloud-config would be another way\necho a\n", ""},
		"a comment like a key":       {"# Note: runs twice\necho a\n", ""},
		"a group":                    {"{ echo a; }\n", ""},
		"nothing":                    {": nothing\n", ""},
		"a return that is meant":     {"printf 'a\\r\\n'\nx='a\rb'\n", ""},
		"a here-document of YAML":    {"cat > /dev/null <<'EOF'\n#cloud-config\npackages: [jq]\nEOF\n", ""},
		"Python, by env":             {"#!/usr/bin/env python3\ntry:\n  print(1)\nfinally:\n  pass\n", "python3"},
		"Python":                     {"#!/usr/bin/python3 -u\nprint(1)\n", "/usr/bin/python3"},
		"Perl":                       {"#!/usr/bin/perl -w\nprint 1;\n", "/usr/bin/perl"},
		"a shell that few have":      {"#!/bin/zsh\necho a\n", "/bin/zsh"},
		"bash of BSD":                {"#!/usr/local/bin/bash\necho a\n", "/usr/local/bin/bash"},
	} {
		t.Run(name, func(t *testing.T) {
			require.Empty(t, bootstrap.UserScriptProblem(c.script))
			require.Equal(t, c.needs, bootstrap.Interpreter(c.script))
			if c.needs != "" {
				return
			}
			v := vm()
			v.UserScript = c.script
			script, err := v.Script()
			require.NoError(t, err)
			output, err := newMachine(t, joins).run(script)
			require.NoError(t, err, output)
		})
	}
}

// TestLargestScriptFitsIntoMetadata: beside as much else as a pool may have.
func TestLargestScriptFitsIntoMetadata(t *testing.T) {
	const metadataLimit = 256 << 10 // Google's, for one value
	long := strings.Repeat("x", 63)
	domain := strings.Join([]string{long, long, long, strings.Repeat("x", 61)}, ".")
	v := vm()
	v.Join.Endpoint = domain + ":6443"
	v.Taints = nil
	for i := range 20 {
		v.Taints = append(v.Taints, corev1.Taint{Key: fmt.Sprintf("%s/%02d%s", domain, i, long[2:]), Value: long, Effect: corev1.TaintEffectPreferNoSchedule})
	}
	for i := range 64 {
		v.Labels[fmt.Sprintf("%s/%02d%s", domain, i, long[2:])] = long
	}
	v.UserScript = strings.Repeat("x", 160<<10)
	require.Empty(t, bootstrap.UserScriptProblem(v.UserScript))
	script, err := v.Script()
	require.NoError(t, err)
	require.Less(t, len(script), metadataLimit)
	require.NotEmpty(t, bootstrap.UserScriptProblem(v.UserScript+"x"))
}
