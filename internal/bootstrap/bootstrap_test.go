package bootstrap_test

import (
	"encoding/base64"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"

	"github.com/lehuannhatrang/spot-instance-training-operator/internal/bootstrap"
)

var update = flag.Bool("update", false, "rewrite the golden script")

func vm() bootstrap.VM {
	return bootstrap.VM{
		Name:       "t4-pool-1a2b3c-0",
		ProviderID: "gce://acme/us-central1-a/t4-pool-1a2b3c-0",
		Labels:     map[string]string{"training.dcnlab.com/pool": "0123456789abcdef", "team": "vision"},
		Taints:     []corev1.Taint{{Key: "nvidia.com/gpu", Value: "present", Effect: corev1.TaintEffectNoSchedule}},
		UserScript: "echo preparing\n",
		CRIU:       []string{"tcp-close"},
		Join: bootstrap.Join{
			Token:      "abcdef.0123456789abcdef",
			CACertHash: "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
			Endpoint:   "control-plane.example.com:6443",
		},
	}
}

func TestScriptGolden(t *testing.T) {
	script, err := vm().Script()
	require.NoError(t, err)
	const golden = "testdata/startup.sh"
	if *update {
		require.NoError(t, os.WriteFile(golden, []byte(script), 0o600))
	}
	want, err := os.ReadFile(golden)
	require.NoError(t, err)
	require.Equal(t, string(want), script)
}

// machine is a root directory in which a startup script runs, with a kubeadm that notes its calls.
type machine struct {
	*testing.T
	root string
}

func newMachine(t *testing.T, kubeadm string) machine {
	t.Helper()
	m := machine{t, t.TempDir()}
	require.NoError(t, os.MkdirAll(filepath.Join(m.root, "bin"), 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(m.root, "bin/kubeadm"), []byte("#!/bin/bash\n"+kubeadm), 0o755))
	return m
}

const joins = `
case "$1" in
  version) echo v1.36.3 ;;
  join) echo join >> "$STARTUP_ROOT/calls"; cp "$3" "$STARTUP_ROOT/joined-with"; mkdir -p "$STARTUP_ROOT/etc/kubernetes"; touch "$STARTUP_ROOT/etc/kubernetes/kubelet.conf" ;;
esac
`

func (m machine) run(script string) (string, error) {
	m.Helper()
	path := filepath.Join(m.root, "startup")
	require.NoError(m, os.WriteFile(path, []byte(script), 0o700))
	syntax, err := exec.CommandContext(m.Context(), "bash", "-n", path).CombinedOutput()
	require.NoError(m, err, string(syntax))
	command := exec.CommandContext(m.Context(), "bash", path)
	command.Env = []string{"PATH=" + m.root + "/bin:/usr/bin:/bin", "STARTUP_ROOT=" + m.root, "STARTUP_RETRY_SECONDS=0"}
	command.Dir = m.root
	output, err := command.CombinedOutput()
	return string(output), err
}

func (m machine) read(name string) string {
	m.Helper()
	content, err := os.ReadFile(filepath.Join(m.root, name))
	require.NoError(m, err)
	return string(content)
}

func TestScriptJoinsOnce(t *testing.T) {
	m := newMachine(t, joins)
	v := vm()
	v.UserScript = "echo ran >> user-ran\n"
	script, err := v.Script()
	require.NoError(t, err)
	output, err := m.run(script)
	require.NoError(t, err, output)
	output, err = m.run(script) // the next boot
	require.NoError(t, err, output)
	require.Contains(t, output, "joined the cluster already")
	require.Equal(t, "join\n", m.read("calls"))
	require.Equal(t, "ran\n", m.read("user-ran"))
	require.Contains(t, m.read("var/lib/spot-training/patches/kubeletconfiguration+merge.yaml"), "shutdownGracePeriod: 25s")
	require.NoFileExists(t, filepath.Join(m.root, "var/lib/spot-training/join.yaml"), "the token stays on the VM")

	var configuration map[string]any
	require.NoError(t, yaml.UnmarshalStrict([]byte(m.read("joined-with")), &configuration))
	require.Equal(t, map[string]any{
		"name":   "t4-pool-1a2b3c-0",
		"taints": []any{map[string]any{"key": "nvidia.com/gpu", "value": "present", "effect": "NoSchedule"}},
		"kubeletExtraArgs": []any{
			map[string]any{"name": "provider-id", "value": "gce://acme/us-central1-a/t4-pool-1a2b3c-0"},
			map[string]any{"name": "node-labels", "value": "team=vision,training.dcnlab.com/pool=0123456789abcdef"},
		},
	}, configuration["nodeRegistration"])
}

// TestScriptTellsCRIU: the pool's word stands, whatever the image or the user's script wrote; without one that stands.
func TestScriptTellsCRIU(t *testing.T) {
	for name, c := range map[string]struct {
		options []string
		want    string
	}{
		"connections are closed":   {[]string{"tcp-close"}, "tcp-close\n"},
		"connections are restored": {[]string{"tcp-established"}, "tcp-established\n"},
		"not set":                  {nil, "of the image\n"},
	} {
		t.Run(name, func(t *testing.T) {
			v := vm()
			v.CRIU = c.options
			v.UserScript = `mkdir -p "$STARTUP_ROOT/etc/criu"; echo of the image > "$STARTUP_ROOT/etc/criu/runc.conf"`
			script, err := v.Script()
			require.NoError(t, err)
			m := newMachine(t, joins)
			output, err := m.run(script)
			require.NoError(t, err, output)
			require.Equal(t, c.want, m.read("etc/criu/runc.conf"))
			require.Equal(t, "join\n", m.read("calls"))
		})
	}
}

// TestScriptNamesTheRuntime: where an image has several, kubeadm joins and cleans up only if it is told which.
func TestScriptNamesTheRuntime(t *testing.T) {
	const twoRuntimes = `
case "$1" in
  version) echo v1.36.3 ;;
  join) cp "$3" "$STARTUP_ROOT/joined-with"; [[ -e "$STARTUP_ROOT/clean" ]] ;;
  reset) echo "$@" >> "$STARTUP_ROOT/calls"; touch "$STARTUP_ROOT/clean" ;;
esac`
	for name, c := range map[string]struct{ socket, joinsWith, resets string }{
		"a URL":  {"unix:///var/run/crio/crio.sock", "unix:///var/run/crio/crio.sock", "reset --force --cri-socket unix:///var/run/crio/crio.sock\n"},
		"a path": {"/run/containerd/containerd.sock", "unix:///run/containerd/containerd.sock", "reset --force --cri-socket unix:///run/containerd/containerd.sock\n"},
		"none":   {"", "", "reset --force\n"},
	} {
		t.Run(name, func(t *testing.T) {
			v := vm()
			v.CRISocket = c.socket
			script, err := v.Script()
			require.NoError(t, err)
			m := newMachine(t, twoRuntimes)
			output, err := m.run(script)
			require.NoError(t, err, output)
			require.Equal(t, c.resets, m.read("calls"))
			var configuration struct {
				NodeRegistration struct {
					CRISocket *string `json:"criSocket"`
				} `json:"nodeRegistration"`
			}
			require.NoError(t, yaml.Unmarshal([]byte(m.read("joined-with")), &configuration))
			if c.joinsWith == "" {
				require.Nil(t, configuration.NodeRegistration.CRISocket, "kubeadm finds the only one")
				return
			}
			require.Equal(t, &c.joinsWith, configuration.NodeRegistration.CRISocket)
		})
	}
}

func TestCRISockets(t *testing.T) {
	for socket, fine := range map[string]bool{
		"": true, "unix:///var/run/crio/crio.sock": true, "/run/containerd/containerd.sock": true, "unix:///run/cri-dockerd.sock": true,
		"unix://" + strings.Repeat("/abcdefghi", 10) + "/sevenxx": false, "unix://" + strings.Repeat("/abcdefghi", 10) + "/sixxxx": true,
		"run/crio.sock": false, "unix://run/crio.sock": false, "unix:/run/crio.sock": false, "tcp://127.0.0.1:1": false, "npipe:////./pipe/x": false,
		"crio": false, "unix://": false, "/": false, "/run/": false, "/run/crio.sock\n": false, "/run/a b": false, "/run/'; reboot; '": false,
	} {
		require.Equal(t, fine, bootstrap.CRISocketProblem(socket) == "", socket)
	}
}

func TestScriptCopesWithTrouble(t *testing.T) {
	for name, c := range map[string]struct {
		kubeadm, user string
		fails         bool
		says          string
		calls         string
	}{
		"a join that breaks off is cleaned up and tried again": {
			kubeadm: `
case "$1" in
  version) echo v1.31.0 ;;
  join) echo join >> "$STARTUP_ROOT/calls"; [[ -e "$STARTUP_ROOT/clean" ]] ;;
  reset) echo "reset $2" >> "$STARTUP_ROOT/calls"; touch "$STARTUP_ROOT/clean" ;;
esac`,
			says: "attempt 2", calls: "join\nreset --force\njoin\n",
		},
		"the user's script fails": {kubeadm: joins, user: "exit 7", fails: true, says: "startupScript failed with exit code 7"},
		"an old kubeadm":          {kubeadm: "echo v1.30.9", fails: true, says: "kubeadm v1.30.9 is too old: 1.31 or newer"},
		"no kubeadm":              {kubeadm: "exit 127", fails: true, says: "must install it"},
		"a cluster that refuses":  {kubeadm: `case "$1" in version) echo v1.36.3;; *) exit 1;; esac`, fails: true, says: "could not join"},
	} {
		t.Run(name, func(t *testing.T) {
			v := vm()
			v.UserScript = c.user
			script, err := v.Script()
			require.NoError(t, err)
			m := newMachine(t, c.kubeadm)
			output, err := m.run(script)
			require.Equal(t, c.fails, err != nil, output)
			require.Contains(t, output, c.says)
			if c.calls != "" {
				require.Equal(t, c.calls, m.read("calls"))
			}
		})
	}
}

func TestUserScriptArrivesAsItIs(t *testing.T) {
	for name, user := range map[string]string{
		"quotes":                  `echo "a 'b' \"c\"" > out` + "\n",
		"ends of here-documents":  "cat > out <<'EOF'\nUSER_SCRIPT\nJOIN_CONFIGURATION\nEOF\nJOIN_CONFIGURATION() { :; }\nJOIN_CONFIGURATION\n",
		"substitutions":           "x='$(touch injected)'; echo \"$x `echo y`\" > out\n",
		"template braces":         "echo '{{.JoinConfiguration}}' > out\n",
		"carriage return, no end": "echo a > out\r",
		"another interpreter":     "#!/usr/bin/env sh\necho $0 > out\n",
		"long lines":              "# " + strings.Repeat("x", 100_000) + "\ntrue > out\n",
	} {
		t.Run(name, func(t *testing.T) {
			v := vm()
			v.UserScript = user
			script, err := v.Script()
			require.NoError(t, err)
			m := newMachine(t, joins)
			output, err := m.run(script)
			require.NoError(t, err, output)
			got := m.read("var/lib/spot-training/user-script")
			require.Equal(t, user, strings.TrimPrefix(got, "#!/bin/bash\n"))
			require.NoFileExists(t, filepath.Join(m.root, "injected"))
			require.Equal(t, 1, strings.Count(script, "\nJOIN_CONFIGURATION\n"))
			require.Equal(t, 1, strings.Count(script, "<<'JOIN_CONFIGURATION'\n"))
		})
	}
}

// Every text field, filled with what would do harm if a shell or YAML read it, is refused.
func TestHostileFieldsAreRefused(t *testing.T) {
	fields := map[string]func(*bootstrap.VM, string){
		"name":         func(v *bootstrap.VM, s string) { v.Name = s },
		"provider id":  func(v *bootstrap.VM, s string) { v.ProviderID = s },
		"label key":    func(v *bootstrap.VM, s string) { v.Labels = map[string]string{s: "x"} },
		"label value":  func(v *bootstrap.VM, s string) { v.Labels = map[string]string{"x": s} },
		"taint key":    func(v *bootstrap.VM, s string) { v.Taints[0].Key = s },
		"taint value":  func(v *bootstrap.VM, s string) { v.Taints[0].Value = s },
		"taint effect": func(v *bootstrap.VM, s string) { v.Taints[0].Effect = corev1.TaintEffect(s) },
		"token":        func(v *bootstrap.VM, s string) { v.Join.Token = s },
		"hash":         func(v *bootstrap.VM, s string) { v.Join.CACertHash = s },
		"CRI socket":   func(v *bootstrap.VM, s string) { v.CRISocket = "unix:///run/" + s },
		"CRIU option":  func(v *bootstrap.VM, s string) { v.CRIU = []string{s} },
		"endpoint":     func(v *bootstrap.VM, s string) { v.Join.Endpoint = s },
	}
	texts := []string{
		"$(touch injected)", "`touch injected`", "'; touch injected; '", "\"quoted\"", "a\nJOIN_CONFIGURATION\ntouch injected",
		"abcdef.0123456789abcdef\n", "a,b=c", "${HOME}", "x y", "ü", "\x00",
	}
	for field, set := range fields {
		for _, text := range texts {
			v := vm()
			set(&v, text)
			_, err := v.Script()
			require.Error(t, err, "%s %q", field, text)
		}
	}
}

func TestJoinProblems(t *testing.T) {
	good := vm().Join
	require.Empty(t, good.Problems())
	for name, c := range map[string]struct {
		edit  func(*bootstrap.Join)
		field string
		says  string
	}{
		"no token":           {func(j *bootstrap.Join) { j.Token = "" }, bootstrap.KeyToken, "is missing"},
		"token too short":    {func(j *bootstrap.Join) { j.Token = "abcdef.0123" }, bootstrap.KeyToken, "6 characters, a dot and 16"},
		"token in capitals":  {func(j *bootstrap.Join) { j.Token = "ABCDEF.0123456789ABCDEF" }, bootstrap.KeyToken, "a-z and 0-9"},
		"no hash":            {func(j *bootstrap.Join) { j.CACertHash = "" }, bootstrap.KeyCACertHash, "is missing"},
		"placeholder hash":   {func(j *bootstrap.Join) { j.CACertHash = "sha256:abc123..." }, bootstrap.KeyCACertHash, "placeholder"},
		"hash without kind":  {func(j *bootstrap.Join) { j.CACertHash = j.CACertHash[7:] }, bootstrap.KeyCACertHash, "64 hexadecimal"},
		"no endpoint":        {func(j *bootstrap.Join) { j.Endpoint = "" }, bootstrap.KeyEndpoint, "is missing"},
		"endpoint is a URL":  {func(j *bootstrap.Join) { j.Endpoint = "https://10.0.0.1:6443" }, bootstrap.KeyEndpoint, "host:port"},
		"endpoint sans port": {func(j *bootstrap.Join) { j.Endpoint = "10.0.0.1" }, bootstrap.KeyEndpoint, "host:port"},
		"endpoint port 0":    {func(j *bootstrap.Join) { j.Endpoint = "10.0.0.1:0" }, bootstrap.KeyEndpoint, "host:port"},
	} {
		t.Run(name, func(t *testing.T) {
			j := good
			c.edit(&j)
			problems := j.Problems()
			require.Len(t, problems, 1)
			require.Equal(t, c.field, problems[0].Field)
			require.Contains(t, problems[0].Message, c.says)
		})
	}
	ipv6 := good
	ipv6.Endpoint = "[fd00::1]:6443"
	require.Empty(t, ipv6.Problems())
}

// People paste the whole command into one field, and what is said of it is there for all to read.
func TestJoinProblemsRepeatNoToken(t *testing.T) {
	command := "kubeadm join 10.0.0.1:6443 --token abcdef.0123456789abcdef --discovery-token-ca-cert-hash sha256:0"
	for _, j := range []bootstrap.Join{
		{Endpoint: command},
		{CACertHash: command},
		{CACertHash: "abcdef.0123456789abcdef"},
		{CACertHash: "abcdef.0123456789abcdef..."},
		{Endpoint: "abcdef.0123456789abcdef"},
	} {
		for _, problem := range j.Problems() {
			require.NotContains(t, problem.Message, "0123456789", problem.Field)
		}
	}
}

func TestLabelsOfKubelets(t *testing.T) {
	for key, refused := range map[string]bool{
		"team": false, "training.dcnlab.com/pool": false, "node.kubernetes.io/x": false, "a.node.kubernetes.io/x": false,
		"topology.kubernetes.io/zone": false, "node-role.kubernetes.io/gpu": true, "kubernetes.io/x": true, "x.k8s.io/y": true,
	} {
		require.Equal(t, refused, len(bootstrap.LabelProblems(map[string]string{key: ""})) > 0, key)
	}
}

func FuzzScript(f *testing.F) {
	f.Add("echo hello", "a", "b", "abcdef.0123456789abcdef")
	f.Add("JOIN_CONFIGURATION\n", "k", "v\n", "x\nUSER_SCRIPT\n")
	f.Fuzz(func(t *testing.T, user, key, value, token string) {
		v := vm()
		v.UserScript, v.Labels, v.Join.Token = user, map[string]string{key: value}, token
		script, err := v.Script()
		if err != nil {
			return
		}
		plain, err := vm().Script()
		require.NoError(t, err)
		// Whatever the fields hold, the shell reads the same lines outside of the here-documents.
		require.Equal(t, code(plain), code(script))
		if user != "" {
			text := between(script, "USER_SCRIPT")
			decoded, err := base64.StdEncoding.DecodeString(strings.ReplaceAll(text, "\n", ""))
			require.NoError(t, err)
			require.True(t, strings.HasSuffix(string(decoded), user))
		}
	})
}

func between(script, terminator string) string {
	_, rest, _ := strings.Cut(script, "<<'"+terminator+"'\n")
	text, _, _ := strings.Cut(rest, "\n"+terminator+"\n")
	return text
}

// code is the script without the content of its here-documents and without the part that only a user's script has.
func code(script string) string {
	for _, terminator := range []string{"USER_SCRIPT", "JOIN_CONFIGURATION"} {
		if text := between(script, terminator); text != "" {
			script = strings.Replace(script, text, "", 1)
		}
	}
	start, rest, found := strings.Cut(script, "\nbase64 ")
	if _, end, ok := strings.Cut(rest, "does not join\"\n"); found && ok {
		script = start + end
	}
	return script
}
