#!/usr/bin/env bash
# Builds the Dockerfile and runs docker-compose.yml without a Docker daemon, and prints the result of each check. Needs
# root and the Debian packages buildah, debootstrap, iproute2 and postgresql-client; otherwise it is skipped.
#
# The base image is built here from minimal Debian, Node of the npm package `node` and npm of this machine. So this tests
# our Dockerfile, not the base image of Docker Hub.
set -euo pipefail
cd "$(dirname "$0")/../.."

for tool in buildah debootstrap ip psql unshare npm; do
  if ! command -v "$tool" > /dev/null; then
    echo "skipped: needs $tool (apt-get install buildah debootstrap iproute2 postgresql-client)"
    exit 0
  fi
done
if [ "$(id -u)" != 0 ]; then
  echo 'skipped: needs root, to make a root file system'
  exit 0
fi

work=$(mktemp --directory --tmpdir tratta-jit-image-XXXXXX)
# Postgres runs as another user in a subdirectory.
chmod 711 "$work"
export STORAGE_DRIVER=vfs BUILDAH_ISOLATION=chroot TMPDIR=$work
storage=(--root "$work/storage" --runroot "$work/run")
tidy() {
  buildah "${storage[@]}" umount --all > /dev/null 2>&1 || true
  rm -rf "$work"
}
trap tidy EXIT

echo '# base image'
from=$(sed -n 's/^FROM \(node:[^ ]*\).*/\1/p' Dockerfile)
suite=$(sed 's/.*-\(.*\)-slim/\1/' <<< "$from")
debootstrap --variant=minbase --include=ca-certificates "$suite" "$work/base" > "$work/debootstrap.log" 2>&1 ||
  { tail -5 "$work/debootstrap.log"; exit 1; }
install -D node_modules/node/bin/node "$work/base/usr/local/bin/node"
mkdir -p "$work/base/usr/local/lib/node_modules"
cp -a "$(dirname "$(dirname "$(realpath "$(command -v npm)")")")" "$work/base/usr/local/lib/node_modules/npm"
ln -s ../lib/node_modules/npm/bin/npm-cli.js "$work/base/usr/local/bin/npm"
# The certificate authorities and the npm registry of this machine.
cp /etc/ssl/certs/ca-certificates.crt "$work/base/etc/ssl/certs/ca-certificates.crt"
registry=$(npm config get registry)
base=$(buildah "${storage[@]}" from scratch)
buildah "${storage[@]}" copy --quiet "$base" "$work/base" / > /dev/null
buildah "${storage[@]}" config --env NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt \
  --env "npm_config_registry=$registry" "$base"
buildah "${storage[@]}" commit --quiet --rm "$base" "docker.io/library/$from" > /dev/null
rm -rf "$work/base"

echo '# Dockerfile'
buildah "${storage[@]}" build --format docker --pull-never --quiet --tag tratta-jit . > "$work/build.log" 2>&1 ||
  { tail -20 "$work/build.log"; exit 1; }
buildah "${storage[@]}" inspect --type image tratta-jit > "$work/image.json"

echo '# size'
container=$(buildah "${storage[@]}" from --pull-never tratta-jit)
root=$(buildah "${storage[@]}" mount "$container")
printf 'size: %s MB, of which Node %s MB and packages %s MB\n' \
  "$(du -sm "$root" | cut -f1)" "$(du -sm "$root/usr/local/bin/node" | cut -f1)" "$(du -sm "$root/app/node_modules" | cut -f1)"

# A separate network namespace, so that every port is free; a separate mount namespace, so that no mount remains.
unshare --net --mount node_modules/node/bin/node test/container/play-compose.ts "$root" "$work"
