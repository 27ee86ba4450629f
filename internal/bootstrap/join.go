package bootstrap

import (
	"fmt"
	"net"
	"regexp"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"
)

// Keys of the Secret that holds the join data. They also name the values in Problems.
const (
	KeyToken      = "token"
	KeyCACertHash = "ca-cert-hash"
	KeyEndpoint   = "control-plane-endpoint"
)

// Join is how a VM finds and trusts the cluster, as "kubeadm token create --print-join-command" prints it.
type Join struct {
	Token      string // id.secret: 6 and 16 of a-z and 0-9
	CACertHash string // sha256: and 64 hexadecimal digits
	Endpoint   string // host:port of the API server
}

var (
	tokenForm = regexp.MustCompile(`^[a-z0-9]{6}\.[a-z0-9]{16}$`)
	tokenText = regexp.MustCompile(`[a-z0-9]{6}\.[a-z0-9]{16}`) // in the midst of something else
	hashForm  = regexp.MustCompile(`^sha256:[0-9a-fA-F]{64}$`)
)

const printJoinCommand = "take it from: kubeadm token create --print-join-command"

// TokenID is the public half of the token.
func (j Join) TokenID() string {
	id, _, _ := strings.Cut(j.Token, ".")
	return id
}

// Problems are the values that kubeadm would refuse, in the order of the fields. The token's text is never repeated.
func (j Join) Problems() []Problem {
	var problems []Problem
	add := func(key, message string) { problems = append(problems, Problem{Field: key, Message: message}) }
	switch {
	case j.Token == "":
		add(KeyToken, "is missing; "+printJoinCommand)
	case !tokenForm.MatchString(j.Token):
		add(KeyToken, "is no bootstrap token: it must be 6 characters, a dot and 16 characters of a-z and 0-9; "+printJoinCommand)
	}
	switch {
	case j.CACertHash == "":
		add(KeyCACertHash, "is missing; "+printJoinCommand)
	case strings.HasSuffix(j.CACertHash, "..."):
		add(KeyCACertHash, fmt.Sprintf("%.80q is a placeholder; put the cluster's own value there; %s", shown(j.CACertHash), printJoinCommand))
	case !hashForm.MatchString(j.CACertHash):
		add(KeyCACertHash, fmt.Sprintf("%.80q is no hash: it must be sha256: and 64 hexadecimal digits; %s", shown(j.CACertHash), printJoinCommand))
	}
	if message := endpointProblem(j.Endpoint); message != "" {
		add(KeyEndpoint, message)
	}
	return problems
}

func endpointProblem(endpoint string) string {
	const remedy = "use the host:port at which the VMs reach the API server, such as 10.0.0.10:6443"
	if endpoint == "" {
		return "is missing; " + remedy
	}
	host, port, err := net.SplitHostPort(endpoint)
	number, numeric := strconv.Atoi(port)
	isName := len(validation.IsDNS1123Subdomain(strings.ToLower(host))) == 0
	if err != nil || numeric != nil || number < 1 || number > 65535 || (!isName && net.ParseIP(host) == nil) {
		return fmt.Sprintf("%.80q is no endpoint; %s", shown(endpoint), remedy)
	}
	return ""
}

// shown is a value for a message that all can read: the whole join command, pasted into one field, has the token too.
func shown(value string) string { return tokenText.ReplaceAllString(value, "(token)") }
