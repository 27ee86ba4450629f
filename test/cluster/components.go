package cluster

import (
	"fmt"
	"net"
	"path/filepath"
	"strconv"
)

// ports are the TCP ports of one lab, all on 127.0.0.1.
type ports struct{ etcd, etcdPeer, apiServer, kwok int }

// freePorts picks ports that nobody listens on. Somebody may take one before its server does: then that server fails
// to start, and Start tries again with others.
func freePorts() (ports, error) {
	var picked [4]int
	for i := range picked {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return ports{}, fmt.Errorf("find a free port: %w", err)
		}
		// Kept open until all are picked, so that they differ.
		defer func() { _ = listener.Close() }()
		picked[i] = listener.Addr().(*net.TCPAddr).Port
	}
	return ports{etcd: picked[0], etcdPeer: picked[1], apiServer: picked[2], kwok: picked[3]}, nil
}

func loopbackURL(scheme string, port int) string {
	return scheme + "://127.0.0.1:" + strconv.Itoa(port)
}

// etcdCommand trades durability for speed: the data live as long as the lab.
func (c *Cluster) etcdCommand() command {
	client, peer := loopbackURL("http", c.ports.etcd), loopbackURL("http", c.ports.etcdPeer)
	return command{name: "etcd", path: c.binaries.ControlPlane, args: []string{
		"etcd",
		"--data-dir=" + c.file("etcd-data"),
		"--listen-client-urls=" + client, "--advertise-client-urls=" + client,
		"--listen-peer-urls=" + peer, "--initial-advertise-peer-urls=" + peer,
		"--initial-cluster=default=" + peer,
		"--unsafe-no-fsync", "--log-level=warn",
	}}
}

// apiServerCommand needs no network but loopback: the advertised address is not used by anybody, and no endpoints
// are published for it. It trades memory for the cores that it shares with all else.
func (c *Cluster) apiServerCommand() command {
	evict := strconv.Itoa(int(c.timing.EvictAfter.Seconds()))
	return command{name: "kube-apiserver", path: c.binaries.ControlPlane, args: []string{
		"kube-apiserver",
		"--etcd-servers=" + loopbackURL("http", c.ports.etcd),
		"--bind-address=127.0.0.1", "--secure-port=" + strconv.Itoa(c.ports.apiServer),
		"--advertise-address=10.0.0.1", "--endpoint-reconciler-type=none",
		"--cert-dir=" + c.dir,
		"--client-ca-file=" + c.file("ca.crt"), // kubelets that joined have certificates of it
		"--tls-cert-file=" + c.file("apiserver.crt"), "--tls-private-key-file=" + c.file("apiserver.key"),
		"--service-account-issuer=https://kubernetes.default.svc",
		"--service-account-key-file=" + c.file("sa.key"), "--service-account-signing-key-file=" + c.file("sa.key"),
		"--service-cluster-ip-range=10.0.0.0/24",
		"--allow-privileged=true", // as kubeadm has it: the real checkpoint agent is a privileged pod
		"--authorization-mode=Node,RBAC", "--token-auth-file=" + c.file("tokens.csv"),
		"--enable-bootstrap-token-auth=true",
		"--default-not-ready-toleration-seconds=" + evict, "--default-unreachable-toleration-seconds=" + evict,
		"--profiling=false",
	}, env: []string{"GOGC=400"}}
}

// controllerManagerCommand runs all controllers, and those that kubeadm adds: they sign cluster-info and remove expired
// bootstrap tokens. Nodes are evicted as soon as they are due instead of one in ten seconds.
func (c *Cluster) controllerManagerCommand() command {
	return command{name: "kube-controller-manager", path: c.binaries.ControlPlane, args: []string{
		"kube-controller-manager",
		"--kubeconfig=" + c.Kubeconfig(), "--leader-elect=false", "--secure-port=0",
		"--controllers=*,bootstrap-signer-controller,token-cleaner-controller",
		"--service-account-private-key-file=" + c.file("sa.key"), "--root-ca-file=" + c.file("ca.crt"),
		"--cluster-signing-cert-file=" + c.file("ca.crt"), "--cluster-signing-key-file=" + c.file("ca.key"),
		"--use-service-account-credentials=false",
		"--node-monitor-period=1s", "--node-monitor-grace-period=" + c.timing.HeartbeatTimeout.String(),
		"--node-eviction-rate=10",
		"--kube-api-qps=500", "--kube-api-burst=1000",
		"--profiling=false",
	}}
}

func (c *Cluster) schedulerCommand() command {
	return command{name: "kube-scheduler", path: c.binaries.ControlPlane, args: []string{
		"kube-scheduler",
		"--kubeconfig=" + c.Kubeconfig(), "--leader-elect=false", "--secure-port=0",
		"--kube-api-qps=500", "--kube-api-burst=1000",
		"--profiling=false",
	}}
}

// kwokCommand manages the Nodes that carry LabelManaged, and the pods on them.
func (c *Cluster) kwokCommand() command {
	return command{name: "kwok", path: c.binaries.Kwok, args: []string{
		"--kubeconfig=" + c.Kubeconfig(),
		"--config=" + c.file("stages.yaml"),
		"--manage-nodes-with-label-selector=" + LabelManaged + "=true",
		"--node-lease-duration-seconds=" + strconv.Itoa(c.timing.leaseSeconds()),
		"--server-address=127.0.0.1:" + strconv.Itoa(c.ports.kwok),
	}}
}

// file is the path of a file in the data directory.
func (c *Cluster) file(name string) string { return filepath.Join(c.dir, name) }
