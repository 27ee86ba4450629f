// Package bootstrap is what a VM runs to become a Node: the startup script, and the checks on what goes into it.
//
// It renders text and judges values. It reads no Secret, talks to nobody, and knows neither Google Cloud nor pools.
package bootstrap

import (
	_ "embed"
	"encoding/base64"
	"fmt"
	"maps"
	"slices"
	"strings"
	"text/template"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"
)

// VM is what one VM needs to know to become a Node.
type VM struct {
	Name       string // of the Node: a DNS name
	ProviderID string // gce://project/zone/name
	Labels     map[string]string
	Taints     []corev1.Taint
	UserScript string   // runs first; bash if it has no #! line; may be empty
	CRIU       []string // lines of /etc/criu/runc.conf, such as tcp-close; none: the file is left as it is
	CRISocket  string   // of the container runtime: unix:///path or /path; empty: kubeadm finds the only one
	Join       Join
}

// Problem is a value that cannot be used.
type Problem struct {
	Field   string // "nodeLabels[team]", "taints[0].effect", or a key of the join Secret such as "token"
	Message string // what is wrong and what to do, without the value if it is secret
}

// The work directory on the VM. Only root can read it.
const workDir = "/var/lib/spot-training"

//go:embed startup.sh.tmpl
var startupTemplate string

// Script is the VM's startup script: bash, for a VM image with kubeadm 1.31 or newer. It runs the user's script, then
// joins the cluster with kubeadm, and does nothing if the VM has joined before. Nothing that comes from a VM's fields
// is ever read by a shell as code, the user's own script excepted.
//
// The kubeadm configuration (kubeadm.k8s.io/v1beta4) is in the script between a line that ends in
// <<'JOIN_CONFIGURATION' and a line JOIN_CONFIGURATION.
//
// A VM with problems (see Problems) is an error.
func (v VM) Script() (string, error) {
	if problems := v.Problems(); len(problems) > 0 {
		return "", fmt.Errorf("startup script of %s: %s: %s", v.Name, problems[0].Field, problems[0].Message)
	}
	configuration, err := yaml.Marshal(v.joinConfiguration())
	if err != nil {
		return "", fmt.Errorf("startup script of %s: encode the kubeadm configuration: %w", v.Name, err)
	}
	t, err := template.New("startup").Option("missingkey=error").Parse(startupTemplate)
	if err != nil {
		return "", fmt.Errorf("startup script: %w", err)
	}
	var script strings.Builder
	err = t.Execute(&script, map[string]string{
		"WorkDir":           workDir,
		"UserScript":        encoded(v.UserScript),
		"CRIU":              strings.Join(v.CRIU, "\n"),
		"CRISocket":         v.criSocket(),
		"JoinConfiguration": strings.TrimSuffix(string(configuration), "\n"),
	})
	if err != nil {
		return "", fmt.Errorf("startup script of %s: %w", v.Name, err)
	}
	return script.String(), nil
}

// encoded is the user's script in base64, in lines of 76, so that no line of it can end a here-document.
func encoded(script string) string {
	if script == "" {
		return ""
	}
	if !strings.HasPrefix(script, "#!") {
		script = "#!/bin/bash\n" + script
	}
	text := base64.StdEncoding.EncodeToString([]byte(script))
	return strings.Join(slices.Collect(chunks(text, 76)), "\n")
}

func chunks(text string, size int) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for len(text) > size {
			if !yield(text[:size]) {
				return
			}
			text = text[size:]
		}
		yield(text)
	}
}

// joinConfiguration is kubeadm's JoinConfiguration, v1beta4, as far as it is set. The types are kubeadm's own, which
// cannot be imported.
func (v VM) joinConfiguration() map[string]any {
	taints := slices.Clone(v.Taints)
	if taints == nil {
		taints = []corev1.Taint{}
	}
	registration := map[string]any{
		"name":   v.Name,
		"taints": taints,
		"kubeletExtraArgs": []map[string]string{
			{"name": "provider-id", "value": v.ProviderID},
			{"name": "node-labels", "value": joined(v.Labels)},
		},
	}
	if v.CRISocket != "" {
		registration["criSocket"] = v.criSocket()
	}
	return map[string]any{
		"apiVersion":       "kubeadm.k8s.io/v1beta4",
		"kind":             "JoinConfiguration",
		"nodeRegistration": registration,
		"discovery": map[string]any{
			"bootstrapToken": map[string]any{
				"token":             v.Join.Token,
				"apiServerEndpoint": v.Join.Endpoint,
				"caCertHashes":      []string{v.Join.CACertHash},
			},
		},
		"patches": map[string]any{"directory": workDir + "/patches"},
	}
}

// criSocket is the socket as a URL: kubeadm calls a bare path deprecated.
func (v VM) criSocket() string {
	if strings.HasPrefix(v.CRISocket, "/") {
		return "unix://" + v.CRISocket
	}
	return v.CRISocket
}

func joined(labels map[string]string) string {
	pairs := make([]string, 0, len(labels))
	for _, key := range slices.Sorted(maps.Keys(labels)) {
		pairs = append(pairs, key+"="+labels[key])
	}
	return strings.Join(pairs, ",")
}
