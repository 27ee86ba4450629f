#!/usr/bin/env bash
# Tests, builds and pushes a release through make.
#
#   ./build-and-push.sh [VERSION]      VERSION is the image's tag; default: latest
#
# Every step must succeed before the next one starts: an image that failed its tests or its build is never pushed.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

version=${1:-latest}
if [[ ! $version =~ ^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$ ]]; then
  echo "VERSION must be an image tag, such as v0.1.0; got: $version" >&2
  exit 2
fi
image=docker.io/lehuannhatrang/spot-instance-training-operator:$version

make test
make build
make docker-build IMG="$image"
make docker-push IMG="$image"

echo
echo "Pushed $image. To deploy it to the cluster of the current kubectl context:"
echo "  make install"
echo "  make deploy IMG=$image"
