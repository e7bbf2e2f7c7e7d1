#!/usr/bin/env bash
# Builds the Dockerfile and plays docker-compose.yml without a Docker daemon, and says what it saw. Needs root and
# Debian's buildah, debootstrap, iproute2 and postgresql-client; where they are missing it says so and ends well.
#
# The base image is made here, under the name that the Dockerfile gives: Debian's smallest, Node of the
# package `node`, and the npm of this machine. So what is proven is our Dockerfile, not Docker's base image.
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
# Postgres runs as a user of its own, below it.
chmod 711 "$work"
export STORAGE_DRIVER=vfs BUILDAH_ISOLATION=chroot TMPDIR=$work
storage=(--root "$work/storage" --runroot "$work/run")
tidy() {
  buildah "${storage[@]}" umount --all > /dev/null 2>&1 || true
  rm -rf "$work"
}
trap tidy EXIT

echo '# base image, made here'
from=$(sed -n 's/^FROM \(node:[^ ]*\).*/\1/p' Dockerfile)
suite=$(sed 's/.*-\(.*\)-slim/\1/' <<< "$from")
debootstrap --variant=minbase --include=ca-certificates "$suite" "$work/base" > "$work/debootstrap.log" 2>&1 ||
  { tail -5 "$work/debootstrap.log"; exit 1; }
install -D node_modules/node/bin/node "$work/base/usr/local/bin/node"
mkdir -p "$work/base/usr/local/lib/node_modules"
cp -a "$(dirname "$(dirname "$(realpath "$(command -v npm)")")")" "$work/base/usr/local/lib/node_modules/npm"
ln -s ../lib/node_modules/npm/bin/npm-cli.js "$work/base/usr/local/bin/npm"
# Whom this machine trusts, and whence it takes packages.
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

echo '# what is in it'
container=$(buildah "${storage[@]}" from --pull-never tratta-jit)
root=$(buildah "${storage[@]}" mount "$container")
printf 'size: %s MB, of them Node %s MB and packages %s MB\n' \
  "$(du -sm "$root" | cut -f1)" "$(du -sm "$root/usr/local/bin/node" | cut -f1)" "$(du -sm "$root/app/node_modules" | cut -f1)"

# A network of its own, so that every port is free; mounts of its own, so that none is left behind.
unshare --net --mount node_modules/node/bin/node test/container/play-compose.ts "$root" "$work"
