#!/bin/bash
# Runs the pool's startupScript, then makes this VM a Node of the cluster. GCE runs it on every boot.
set -euo pipefail

root="${STARTUP_ROOT:-}"
work="$root/var/lib/spot-training"

say() { echo "spot-training: $*"; }
fail() { say "$*"; exit 1; }

if [[ -e "$root/etc/kubernetes/kubelet.conf" ]]; then
  say "this VM has joined the cluster already"
  exit 0
fi

install -d -m 700 "$work" "$work/patches"

base64 --decode > "$work/user-script" <<'USER_SCRIPT'
IyEvYmluL2Jhc2gKZWNobyBwcmVwYXJpbmcK
USER_SCRIPT
chmod 700 "$work/user-script"
say "running the pool's startupScript"
"$work/user-script" || fail "the pool's startupScript failed with exit code $?: this VM does not join"

# CRIU reads it for each checkpoint and restore that runc asks for.
install -d "$root/etc/criu"
cat > "$root/etc/criu/runc.conf" <<'CRIU_OPTIONS'
tcp-close
CRIU_OPTIONS

version="$(kubeadm version --output short)" || fail "kubeadm does not run: the VM image or the pool's startupScript must install it"
IFS=. read -r _ minor _ <<< "$version"
(( minor >= 31 )) || fail "kubeadm $version is too old: 1.31 or newer is needed"

# The kubelet ends its pods within the 30 seconds that GCE gives a VM that it takes back.
cat > "$work/patches/kubeletconfiguration+merge.yaml" <<'KUBELET_CONFIGURATION'
shutdownGracePeriod: 25s
shutdownGracePeriodCriticalPods: 10s
KUBELET_CONFIGURATION

cat > "$work/join.yaml" <<'JOIN_CONFIGURATION'
apiVersion: kubeadm.k8s.io/v1beta4
discovery:
  bootstrapToken:
    apiServerEndpoint: control-plane.example.com:6443
    caCertHashes:
    - sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef
    token: abcdef.0123456789abcdef
kind: JoinConfiguration
nodeRegistration:
  kubeletExtraArgs:
  - name: provider-id
    value: gce://acme/us-central1-a/t4-pool-1a2b3c-0
  - name: node-labels
    value: team=vision,training.dcnlab.com/pool=0123456789abcdef
  name: t4-pool-1a2b3c-0
  taints:
  - effect: NoSchedule
    key: nvidia.com/gpu
    value: present
patches:
  directory: /var/lib/spot-training/patches
JOIN_CONFIGURATION

# A join that broke off leaves files behind that the next one stumbles over.
for attempt in {1..10}; do
  say "joining the cluster, attempt $attempt"
  if kubeadm join --config "$work/join.yaml"; then
    rm -f "$work/join.yaml"
    say "joined the cluster"
    exit 0
  fi
  kubeadm reset --force || true
  sleep "${STARTUP_RETRY_SECONDS:-10}"
done
fail "kubeadm could not join the cluster"
