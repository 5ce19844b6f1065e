#!/usr/bin/env bash
# Runs the tests against a real Incus inside a privileged container.
#
# usage: scripts/test_integration_container.sh [sid|trixie|7.0|6.0]
#
#   sid, 7.0     Debian sid with Incus 7.0 (the default)
#   trixie, 6.0  Debian trixie with Incus 6.0
#
# KEEP_CONTAINER=1 leaves the container running; the next run enters it again. Where no image
# registry is reachable the base is built with debootstrap from the archive that this machine already
# uses. Images and caches are kept in .cache/. The Rust toolchain of this machine is used inside, at
# its own path, so that nothing is built twice.
set -euo pipefail
# shellcheck source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "$REPO"

case ${1:-sid} in
  -h | --help) usage_of "$0" && exit ;;
  sid | 7.0) suite=sid ;;
  trixie | 6.0) suite=trixie ;;
  *) die "'$1' is no series; see scripts/test_integration_container.sh -h" ;;
esac

mkdir -p "$CACHE"
# Says why the container cannot be had: scripts/test tells it at its end.
leave_out() {
  printf '%s\n' "$*" >"$CACHE/container-left-out"
  warn "no container: $*"
  exit 1
}

is_root || leave_out "it needs root"
engine=()
if have podman; then
  engine=(podman)
  # crun refuses some hosts' hybrid cgroups; runc does not.
  ! have runc || engine+=(--runtime runc)
  engine+=(--cgroup-manager cgroupfs --root "$CACHE/containers/storage" --runroot "$CACHE/containers/run")
elif have docker && docker info >/dev/null 2>&1; then
  engine=(docker)
else
  leave_out "neither podman nor docker is there"
fi

packages=incus-base,incus-client,dnsmasq-base,nftables,iproute2,uidmap,btrfs-progs,busybox-static,ca-certificates,procps,attr,libcap2-bin,bsdutils,zstd,gcc,libc6-dev,git,squashfs-tools
tree=$(printf %s "$REPO" | sha256sum | cut -c1-8)
image=localhost/incus-backup-test-$suite:$(printf %s "$packages" | sha256sum | cut -c1-8)
container=incus-backup-test-$tree-$suite

build_image() {
  local root=$CACHE/containers/root-$suite
  if "${engine[@]}" image inspect "$image" >/dev/null 2>&1; then return; fi
  step "building $image"
  apt_need debootstrap=debootstrap
  rm -rf "$root"
  mkdir -p "$root"
  # On a machine of an older release the last configuration steps may need a second try.
  debootstrap --variant=minbase --include="$packages" "$suite" "$root" "$(debian_mirror)" >"$CACHE/debootstrap.log" 2>&1 ||
    chroot "$root" apt-get -y --fix-broken install >>"$CACHE/debootstrap.log" 2>&1 ||
    leave_out "debootstrap failed: $(tail -n 1 "$CACHE/debootstrap.log")"
  [ -x "$root/usr/libexec/incus/incusd" ] || leave_out "debootstrap did not install Incus"
  tar -C "$root" -c . | "${engine[@]}" import - "$image" >/dev/null || leave_out "the image cannot be imported"
  rm -rf "$root"
}

# Newer LXC freezes only where cgroup2 is all there is. Then it waits to be entered.
init='
for group in /sys/fs/cgroup/*; do umount -l "$group" 2>/dev/null; done
umount -l /sys/fs/cgroup 2>/dev/null
mount -t cgroup2 none /sys/fs/cgroup && mkdir -p /sys/fs/cgroup/lab && echo $$ >/sys/fs/cgroup/lab/cgroup.procs
mkdir -p /run/incus
trap "exit 0" TERM
while :; do sleep 1 & wait $!; done'

start_container() {
  local mounts=(-v "$REPO:$REPO" -v "$CACHE:$CACHE") rustup=${RUSTUP_HOME:-$HOME/.rustup} cargo=${CARGO_HOME:-$HOME/.cargo}
  [ -d "$rustup" ] && mounts+=(-v "$rustup:$rustup")
  [ -d "$cargo" ] && mounts+=(-v "$cargo:$cargo")
  have cargo-nextest && mounts+=(-v "$(command -v cargo-nextest):/usr/local/bin/cargo-nextest:ro")
  if [ "$("${engine[@]}" inspect -f '{{.State.Running}}' "$container" 2>/dev/null)" = true ]; then return; fi
  "${engine[@]}" rm -f "$container" >/dev/null 2>&1 || true
  "${engine[@]}" run -d --name "$container" --privileged --network=host \
    --ulimit nofile=1024:20000 --ulimit nproc=1000:1000 --tmpfs /var/tmp:exec,dev "${mounts[@]}" \
    -e CARGO_HOME="$cargo" -e RUSTUP_HOME="$rustup" -e PATH="$cargo/bin:$PATH" -e HOME=/root \
    "$image" bash -c "$init" >/dev/null 2>"$CACHE/container.log" ||
    leave_out "the container does not start: $(tail -n 1 "$CACHE/container.log")"
}

stop_container() {
  "${engine[@]}" exec "$container" "$REPO/scripts/lab" down inside >/dev/null 2>&1 || true
  "${engine[@]}" rm -f -t 2 "$container" >/dev/null 2>&1 || true
}

need_rust
need_nextest || true
build_image
start_container
if [ "${KEEP_CONTAINER:-}" = 1 ]; then
  say "the container stays: ${engine[*]} exec -it $container bash"
else
  trap stop_container EXIT
fi
# shellcheck disable=SC2016  # expanded inside
"${engine[@]}" exec -w "$REPO" -e CI="${CI:-}" -e TEST_CACHE="$CACHE" -e TOOLS="/usr/local/bin:$CACHE/tools/bin" "$container" bash -euc '
  PATH=$PATH:$TOOLS
  scripts/lab up host inside
  eval "$(scripts/lab env inside)"
  export LAB_RESTART="$PWD/scripts/lab restart inside"
  incus version local:
  if command -v cargo-nextest >/dev/null; then
    cargo nextest run --profile ci --locked -E "test(/real_/)"
  else
    cargo test --locked --test it real_ -- --test-threads 1
  fi'
