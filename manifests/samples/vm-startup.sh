#!/bin/bash
# Makes a node that can checkpoint and restore containers out of a plain Debian 13 or Ubuntu 24.04: for spec.startupScript of a
# SpotInstanceVM, or to build an image with (docs/vm-image.md says how, and which part has been run where).
#
#   bash vm-startup.sh            installs what is missing, writes the configuration, starts the container runtime
#   bash vm-startup.sh --image    the same on a machine that becomes an image, or in a chroot: nothing is started
#
# It may run again at any time: what is there in the right version is not fetched again. kubeadm join is not its business: the operator
# runs that after it. If it ends with another status than 0, the VM does not join; the VM's serial console shows its last words.
set -Eeuo pipefail
trap 'echo "vm-startup: failed in line $LINENO: $BASH_COMMAND" >&2' ERR

# Versions. docs/vm-image.md tells why these. The kubelet must not be newer than your API server.
KUBERNETES_VERSION=${KUBERNETES_VERSION:-v1.36.3}
RUNTIME=${RUNTIME:-crio} # crio, containerd, or image: the image has its own, which this script leaves alone
CRIO_VERSION=${CRIO_VERSION:-v1.36.3}
CONTAINERD_VERSION=${CONTAINERD_VERSION:-2.3.7}
CRIU_VERSION=${CRIU_VERSION:-4.2.1}
NVIDIA_DRIVER_BRANCH=${NVIDIA_DRIVER_BRANCH:-580}

# Where things come from: mirrors of your own, if the VMs do not reach these. file:// will do, too.
KUBERNETES_URL=${KUBERNETES_URL:-https://dl.k8s.io/release}
CRIO_URL=${CRIO_URL:-https://storage.googleapis.com/cri-o/artifacts}
CONTAINERD_URL=${CONTAINERD_URL:-https://github.com/containerd/containerd/releases/download}
CRIU_URL=${CRIU_URL:-https://github.com/checkpoint-restore/criu/archive/refs/tags/v$CRIU_VERSION.tar.gz}
CUDA_CHECKPOINT_URL=${CUDA_CHECKPOINT_URL:-https://github.com/NVIDIA/cuda-checkpoint/raw/main/bin/x86_64_Linux/cuda-checkpoint}
NVIDIA_DRIVER_URL=${NVIDIA_DRIVER_URL:-https://developer.download.nvidia.com/compute/cuda/repos}
NVIDIA_TOOLKIT_URL=${NVIDIA_TOOLKIT_URL:-https://nvidia.github.io/libnvidia-container}

# Choices.
CGROUP_DRIVER=${CGROUP_DRIVER:-systemd}                     # must be the kubelets', and kubeadm's default is systemd
PAUSE_IMAGE=${PAUSE_IMAGE:-}                                # that of every pod; unset: what the runtime takes
GPU=${GPU:-auto}                                            # yes, no, or auto: yes if the machine has an NVIDIA device
CHECKPOINT_IMAGES_SECONDS=${CHECKPOINT_IMAGES_SECONDS:-600} # a checkpoint image that nobody uses stays on the VM for so long
CLEAN_SECONDS=${CLEAN_SECONDS:-60}                          # how often the VM looks for such images

arch=$(dpkg --print-architecture)
RUNTIME_UNIT=(LimitNOFILE=1048576 TasksMax=infinity OOMScoreAdjust=-999)
say() { echo "vm-startup: $*"; }
fail() { say "$*" >&2; exit 1; }

# packages NAME...: those that are missing, from the sources of the image.
packages() {
  local installed missing=() name
  installed=" $(dpkg-query -W -f '${Package}/${db:Status-Status} ' "$@" 2> /dev/null || true)"
  for name in "$@"; do
    [[ $installed == *" $name/installed "* ]] || missing+=("$name")
  done
  ((${#missing[@]})) || return 0
  say "installing ${missing[*]}"
  # unattended-upgrades may hold the lock in the first minutes of a VM.
  apt-get -qq -o DPkg::Lock::Timeout=600 update
  DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=600 -o Dpkg::Use-Pty=0 install --no-install-recommends "${missing[@]}" > /dev/null
}

# fetch URL FILE
fetch() {
  say "fetching $1"
  curl -fsSL --retry 5 --retry-connrefused --connect-timeout 20 -o "$2" "$1" || fail "cannot fetch $1: the VM needs a way there (Cloud NAT, a proxy), or a mirror: see the variables at the top"
}

# fetch_checked URL SUFFIX FILE: URLSUFFIX begins with the file's SHA-256.
fetch_checked() {
  local sum
  fetch "$1" "$3"
  fetch "$1$2" "$3.sum"
  read -r sum _ < "$3.sum" || [[ -n $sum ]]
  echo "$sum  $3" | sha256sum --check --status || fail "$1 has not the SHA-256 that $1$2 says"
}

# version_of COMMAND...: what it prints, or nothing if it is not there.
version_of() { "$@" 2> /dev/null || true; }

# write FILE: standard input, if that is not what the file holds.
write() {
  local content
  content=$(cat)
  [[ ! -e $1 || $content != "$(< "$1")" ]] || return 0
  mkdir -p "$(dirname "$1")"
  printf '%s\n' "$content" > "$1"
  changed=yes
}

# unit NAME TYPE COMMAND LINE...: a service of systemd that starts with the VM.
unit() {
  write "/etc/systemd/system/$1.service" <<UNIT
[Unit]
Description=$1
Wants=network-online.target
After=network-online.target

[Service]
Type=$2
ExecStart=$3
Restart=always
RestartSec=5
$(printf '%s\n' "${@:4}")

[Install]
WantedBy=multi-user.target
UNIT
}

kernel() {
  printf '%s\n' overlay br_netfilter | write /etc/modules-load.d/kubernetes.conf
  echo net.ipv4.ip_forward=1 | write /etc/sysctl.d/90-kubernetes.conf
  [[ $for_image == no ]] || return 0
  modprobe -a overlay br_netfilter 2> /dev/null || true # what is built in is no module
  grep -qw overlay /proc/filesystems || fail "the kernel has no overlayfs, which pods need"
  [[ -e /proc/sys/net/bridge ]] || say "the kernel has no br_netfilter: most network plugins need it"
  sysctl -q -p /etc/sysctl.d/90-kubernetes.conf
}

kubernetes() {
  local program
  for program in kubelet kubeadm; do
    if [[ $program == kubelet ]]; then set -- --version; else set -- version --output short; fi
    [[ " $(version_of "/usr/local/bin/$program" "$@")" == *" $KUBERNETES_VERSION" ]] && continue
    fetch_checked "$KUBERNETES_URL/$KUBERNETES_VERSION/bin/linux/$arch/$program" .sha256 "$tmp/$program"
    install -m 755 "$tmp/$program" "/usr/local/bin/$program"
  done
  # As the packages of Kubernetes have it: kubeadm writes both configurations and kubeadm-flags.env when the VM joins.
  # shellcheck disable=SC2016 # systemd expands these
  unit kubelet simple '/usr/local/bin/kubelet --bootstrap-kubeconfig=/etc/kubernetes/bootstrap-kubelet.conf --kubeconfig=/etc/kubernetes/kubelet.conf --config=/var/lib/kubelet/config.yaml $KUBELET_KUBEADM_ARGS $KUBELET_EXTRA_ARGS' \
    EnvironmentFile=-/var/lib/kubelet/kubeadm-flags.env EnvironmentFile=-/etc/default/kubelet
}

# criu is built from its source: Debian 13 and Ubuntu 24.04 have an older one or none, and Debian's has no CUDA plugin.
criu() {
  local source=$tmp/criu
  if [[ $(version_of /usr/local/sbin/criu --version) != *"Version: $CRIU_VERSION"* ]]; then
    packages gcc libc6-dev make pkg-config protobuf-compiler protobuf-c-compiler libprotobuf-dev libprotobuf-c-dev libnl-3-dev \
      libcap-dev libnet1-dev libbsd-dev libgnutls28-dev libnftables-dev uuid-dev python3
    fetch "$CRIU_URL" "$tmp/criu.tar"
    mkdir -p "$source"
    tar -C "$source" --strip-components=1 -xf "$tmp/criu.tar"
    say "building CRIU $CRIU_VERSION"
    # Without PLUGINDIR, the plugin would go where this CRIU does not look.
    make -C "$source" -j "$(nproc)" PLUGINDIR=/usr/lib/criu install-criu install-cuda_plugin > "$tmp/criu.log" 2>&1 || { tail -30 "$tmp/criu.log" >&2; fail "CRIU does not build"; }
  fi
  packages iptables # CRIU locks the network of what it dumps with it
  /usr/local/sbin/criu check > /dev/null 2>&1 || [[ $for_image == yes ]] || say "criu check finds fault with this kernel: run it to see what"
}

containerd() {
  local systemd=false pause=
  if [[ $(version_of /usr/local/bin/containerd --version) != *"$CONTAINERD_VERSION"* ]]; then
    fetch_checked "$CONTAINERD_URL/v$CONTAINERD_VERSION/containerd-$CONTAINERD_VERSION-linux-$arch.tar.gz" .sha256sum "$tmp/containerd.tar.gz"
    tar -C /usr/local -xf "$tmp/containerd.tar.gz"
    changed=yes
  fi
  [[ $CGROUP_DRIVER != systemd ]] || systemd=true
  [[ -z $PAUSE_IMAGE ]] || pause="sandbox = '$PAUSE_IMAGE'"
  mkdir -p /etc/containerd/conf.d
  write /etc/containerd/config.toml <<CONFIGURATION
# Written by vm-startup.sh. What is yours goes into conf.d/, and mirrors of registries into certs.d/.
version = 3
imports = ["/etc/containerd/conf.d/*.toml"]

[plugins.'io.containerd.cri.v1.images'.registry]
  config_path = '/etc/containerd/certs.d'
[plugins.'io.containerd.cri.v1.images'.pinned_images]
  $pause

[plugins.'io.containerd.cri.v1.runtime']
  # A container is restored from the image of a checkpoint. Off by default since 2.3.4, and gone in 2.4.
  enable_experimental_restore_via_create = true
[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc]
  runtime_type = 'io.containerd.runc.v2'
[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc.options]
  SystemdCgroup = $systemd
[plugins.'io.containerd.cri.v1.runtime'.cni]
  # Those that the cluster's network plugin brings, then those of the distribution.
  bin_dirs = ['/opt/cni/bin', '/usr/lib/cni']
CONFIGURATION
  unit containerd notify /usr/local/bin/containerd "${RUNTIME_UNIT[@]}" Delegate=yes KillMode=process
  service=containerd socket=/run/containerd/containerd.sock
}

crio() {
  local conmon_cgroup=pod pause=
  if [[ $(version_of /usr/local/bin/crio --version) != *"${CRIO_VERSION#v}"* ]]; then
    fetch_checked "$CRIO_URL/cri-o.$arch.$CRIO_VERSION.tar.gz" .sha256sum "$tmp/crio.tar.gz"
    tar -C "$tmp" -xf "$tmp/crio.tar.gz"
    install -m 755 "$tmp"/cri-o/bin/{crio,pinns,conmon} /usr/local/bin/
    changed=yes
  fi
  [[ $CGROUP_DRIVER != systemd ]] || conmon_cgroup=system.slice
  [[ -z $PAUSE_IMAGE ]] || pause="pause_image = \"$PAUSE_IMAGE\""
  write /etc/crio/crio.conf.d/10-checkpoint.conf <<CONFIGURATION
# Written by vm-startup.sh. What is yours goes into files beside this one.
[crio.image]
$pause

[crio.network]
# Those that the cluster's network plugin brings, then those of the distribution.
plugin_dirs = ["/opt/cni/bin", "/usr/lib/cni"]

[crio.runtime]
enable_criu_support = true
default_runtime = "runc"
cgroup_manager = "$CGROUP_DRIVER"
conmon_cgroup = "$conmon_cgroup"
[crio.runtime.runtimes.runc]
runtime_path = "/usr/sbin/runc"
monitor_path = "/usr/local/bin/conmon"
CONFIGURATION
  [[ -e /etc/containers/policy.json ]] || echo '{"default": [{"type": "insecureAcceptAnything"}]}' | write /etc/containers/policy.json
  unit crio notify /usr/local/bin/crio "${RUNTIME_UNIT[@]}"
  service=crio socket=/run/crio/crio.sock
}

# cleaner removes images of checkpoints that nobody needs any more: the checkpoint agent leaves each that it made on the VM, and the
# runtime each that it pulled.
cleaner() {
  write /usr/local/sbin/clean-checkpoint-images <<'CLEANER'
#!/bin/bash
# Removes the images of checkpoints that this VM has had for KEEP_SECONDS and that no container uses. Written by vm-startup.sh.
set -uo pipefail
keep=${KEEP_SECONDS:-600} known=${KNOWN:-/var/lib/clean-checkpoint-images} now=$(date +%s)
# As the operator names them: REPOSITORY:JOB-REASON-DIGEST-CONTAINER. Other images are left alone.
checkpoint=':[a-z0-9.-]+-(scheduled|preemption|suspend)-[0-9a-f]{10}-[a-z0-9-]+$'

# The stores of a VM, and of each: its images, one a line; those that containers use; and how one is removed.
stores() {
  [[ ! -S ${CONTAINERD:-/run/containerd/containerd.sock} ]] || echo containerd
  # CRI-O's, and that of the checkpoint agent. Where nobody has used it, buildah would make it, and take half a second each time.
  [[ ! -d ${CONTAINERS:-/var/lib/containers/storage} ]] || echo containers
}
images() {
  case $1 in
    containerd) ctr --namespace k8s.io images ls -q ;;
    containers) buildah images --format '{{.Name}}:{{.Tag}}' ;;
  esac
}
used() {
  case $1 in
    containerd) ctr --namespace k8s.io containers ls | awk 'NR > 1 {print $2}' ;;
    containers) buildah containers --all --format '{{.ImageName}}' ;;
  esac
}
remove() {
  local digest names=()
  if [[ $1 == containers ]]; then
    buildah rmi "$2" > /dev/null # refuses to remove what a container of CRI-O uses
    return
  fi
  # An image has several names in containerd, and its content stays as long as it has one.
  digest=$(ctr --namespace k8s.io images ls "name==$2" | awk 'NR > 1 {print $3}')
  mapfile -t names < <(ctr --namespace k8s.io images ls -q "target.digest==$digest")
  ctr --namespace k8s.io images rm --sync "${names[@]:-$2}" > /dev/null
}

# No store tells when an image came or was used last: a file for each image remembers it.
clean() {
  local image images used file here=' '
  images=$(images "$1") || return # unknown is not unused
  used=$(used "$1") || return
  mkdir -p "$known/$1"
  while read -r image; do
    [[ $image =~ $checkpoint ]] || continue
    file=$known/$1/$(sha256sum <<< "$image" | cut -c 1-32)
    here+="$file "
    # Whoever builds or pushes it, for as long as it takes, has its tag on the command line.
    if [[ ! -e $file ]] || grep -qxF -- "$image" <<< "$used" || pgrep -f -- "${image##*:}" > /dev/null; then
      echo "$now" > "$file"
    elif ((now - $(< "$file") >= keep)); then
      remove "$1" "$image" && echo "removed the image $image" && rm -f "$file"
    fi
  done <<< "$images"
  for file in "$known/$1"/*; do # one that is gone may come back
    [[ $here == *" $file "* ]] || rm -f "$file"
  done
}

for store in $(stores); do clean "$store"; done
# The agent removes the kubelet's archive of a checkpoint, unless it was killed meanwhile.
[[ ! -d ${ARCHIVES:=/var/lib/kubelet/checkpoints} ]] ||
  find "$ARCHIVES" -name 'checkpoint-*.tar' ! -newermt "@$((now - keep))" -printf 'removed the archive %f\n' -delete
CLEANER
  chmod 755 /usr/local/sbin/clean-checkpoint-images
  write /etc/systemd/system/clean-checkpoint-images.service <<UNIT
[Unit]
Description=Remove images of checkpoints that nobody uses

[Service]
Type=oneshot
Environment=KEEP_SECONDS=$CHECKPOINT_IMAGES_SECONDS
ExecStart=/usr/local/sbin/clean-checkpoint-images
UNIT
  write /etc/systemd/system/clean-checkpoint-images.timer <<UNIT
[Unit]
Description=Remove images of checkpoints that nobody uses

[Timer]
OnActiveSec=$CLEAN_SECONDS
OnUnitActiveSec=$CLEAN_SECONDS

[Install]
WantedBy=timers.target
UNIT
}

# gpu follows the documentation of NVIDIA and of CRIU. Nobody has run it.
gpu() {
  local distribution
  distribution=$(. /etc/os-release && echo "$ID${VERSION_ID//./}")
  packages "linux-headers-$(uname -r)"
  if [[ ! -e /usr/share/keyrings/cuda-archive-keyring.gpg ]]; then
    fetch "$NVIDIA_DRIVER_URL/$distribution/x86_64/cuda-keyring_1.1-1_all.deb" "$tmp/cuda-keyring.deb"
    dpkg -i "$tmp/cuda-keyring.deb" > /dev/null
  fi
  packages "nvidia-driver-pinning-$NVIDIA_DRIVER_BRANCH"
  packages nvidia-open
  if [[ ! -e /etc/apt/sources.list.d/nvidia-container-toolkit.list ]]; then
    fetch "$NVIDIA_TOOLKIT_URL/gpgkey" /usr/share/keyrings/nvidia-container-toolkit.asc
    echo "deb [signed-by=/usr/share/keyrings/nvidia-container-toolkit.asc] $NVIDIA_TOOLKIT_URL/stable/deb/$arch /" > /etc/apt/sources.list.d/nvidia-container-toolkit.list
  fi
  packages nvidia-container-toolkit
  if [[ ! -x /usr/local/bin/cuda-checkpoint ]]; then
    fetch "$CUDA_CHECKPOINT_URL" "$tmp/cuda-checkpoint"
    install -m 755 "$tmp/cuda-checkpoint" /usr/local/bin/cuda-checkpoint
  fi
  [[ $RUNTIME == image ]] || nvidia-ctk runtime configure --runtime="$RUNTIME" --cdi.enabled
  [[ $for_image == no ]] || return 0
  modprobe nvidia || fail "the NVIDIA driver does not load: see /var/lib/dkms/nvidia/*/build/make.log and dmesg"
  nvidia-ctk cdi generate --output=/etc/cdi/nvidia.yaml
}

has_gpu() { [[ $GPU == yes ]] || { [[ $GPU == auto ]] && grep -qsx 0x10de /sys/bus/pci/devices/*/vendor; }; }

start() {
  systemctl daemon-reload
  systemctl enable --quiet kubelet clean-checkpoint-images.timer ${service:+"$service"}
  [[ $for_image == no ]] || return 0
  if [[ -n $service ]]; then
    if [[ $changed == yes ]] || ! systemctl is-active --quiet "$service"; then systemctl restart "$service"; fi
    for _ in {1..100}; do
      [[ ! -S $socket ]] || break
      sleep 0.2
    done
    [[ -S $socket ]] || fail "$service does not listen on $socket: see journalctl -u $service"
  fi
  systemctl start clean-checkpoint-images.timer
}

main() {
  local for_image=no changed=no service='' socket='' tmp
  case ${1:-} in
    '') ;;
    --image) for_image=yes ;;
    *) fail "the only option is --image" ;;
  esac
  [[ $(id -u) == 0 ]] || fail "run this as root"
  case $(. /etc/os-release && echo "$ID $VERSION_ID") in
    'debian 13' | 'ubuntu 24.04') ;;
    *) fail "this is $(. /etc/os-release && echo "$PRETTY_NAME"): use Debian 13 or Ubuntu 24.04, or adapt this script" ;;
  esac
  [[ $RUNTIME =~ ^(crio|containerd|image)$ ]] || fail "RUNTIME is $RUNTIME: use crio, containerd or image"
  tmp=$(mktemp -d)
  # shellcheck disable=SC2064 # this tmp
  trap "rm -rf '$tmp'" EXIT
  packages ca-certificates curl iproute2 procps runc containernetworking-plugins buildah netavark
  kernel
  kubernetes
  criu
  [[ $RUNTIME == image ]] || "$RUNTIME"
  cleaner
  ! has_gpu || gpu
  start
  say "done: $(runc --version | sed -n 1p), CRIU $CRIU_VERSION, ${service:-the runtime of the image}"
}

main "$@"
