#!/usr/bin/env bash
# Builds and pushes the image with docker alone: no Go, no make, no tests.
#
#   ./docker-build.sh [VERSION]        VERSION is the image's tag; default: latest. The tag latest is moved along.
#
# BUILDER_IMAGE and BASE_IMAGE, if set, replace the base images of the Dockerfile.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

version=${1:-latest}
if [[ ! $version =~ ^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$ ]]; then
  echo "VERSION must be an image tag, such as v0.1.0; got: $version" >&2
  exit 2
fi
repository=docker.io/lehuannhatrang/spot-instance-training-operator

build_args=()
for name in BUILDER_IMAGE BASE_IMAGE; do
  if [[ -n ${!name:-} ]]; then
    build_args+=(--build-arg "$name=${!name}")
  fi
done

# An empty array is an unbound variable to the bash 3.2 of macOS.
docker build ${build_args[@]+"${build_args[@]}"} -t "$repository:$version" -t "$repository:latest" .
docker push "$repository:$version"
if [[ $version != latest ]]; then
  docker push "$repository:latest"
fi

echo
echo "Pushed $repository:$version. To deploy it to the cluster of the current kubectl context:"
echo "  make install"
echo "  make deploy IMG=$repository:$version"
