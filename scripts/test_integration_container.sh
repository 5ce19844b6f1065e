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
# uses. Images and caches are kept in .cache/. A toolchain of rustup's on this machine is used inside,
# at its own path, so that nothing is built twice; else the container gets Debian's.
set -euo pipefail
# shellcheck source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "$REPO"

case ${1:-} in -h | --help) usage_of "$0" && exit ;; esac
suite=$(suite_of_series "${1:-sid}") || die "'$1' is no series; see scripts/test_integration_container.sh -h"

mkdir -p "$CACHE"
# Says why the container cannot be had: scripts/test tells it at its end.
leave_out() {
  printf '%s\n' "$no_container" >"$CACHE/container-left-out"
  warn "no container: $no_container"
  exit 1
}

tree=$(printf %s "$REPO" | sha256sum | cut -c1-8)
container=incus-backup-test-$tree-$suite

shared_target=''
options=(--tmpfs /var/tmp:exec,dev -v "$REPO:$REPO" -v "$CACHE:$CACHE" -e TEST_CACHE="$CACHE")
mount_toolchain() {
  local rustup=${RUSTUP_HOME:-$HOME/.rustup} cargo=${CARGO_HOME:-$HOME/.cargo} nextest
  if [ -d "$rustup/toolchains" ]; then
    shared_target=yes
    options+=(-v "$rustup:$rustup" -v "$cargo:$cargo" -e RUSTUP_HOME="$rustup" -e CARGO_HOME="$cargo"
      -e PATH="$cargo/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
  else
    # Another compiler: what it builds is kept apart.
    options+=(-e CARGO_HOME="$CACHE/cargo" -e CARGO_TARGET_DIR="$CACHE/containers/target-$suite")
  fi
  nextest=$(command -v cargo-nextest) && options+=(-v "$nextest:/usr/local/bin/cargo-nextest:ro")
  return 0
}

finish() {
  "${engine[@]}" exec "$container" "$REPO/scripts/lab" down inside >/dev/null 2>&1 || true
  container_remove "$container"
}

if need_restic; then
  # Of the cache, which is inside too; one that is installed here is not.
  case $TEST_RESTIC in "$CACHE"/*) ;; *) options+=(-v "$TEST_RESTIC:$TEST_RESTIC:ro") ;; esac
  options+=(-e TEST_RESTIC="$TEST_RESTIC" -e TEST_OLD_RESTIC="${TEST_OLD_RESTIC:-}")
fi
# What another series left is brought back, where scripts/test ran that one first.
series=$REPO/target/series
if [ -d "$series" ]; then options+=(-e LAB_SERIES="$series"); fi
find_engine || leave_out
need_rust
need_nextest || true
mount_toolchain
# What is built here runs inside too, whose C library is no older; the other way round it need not.
if [ -n "$shared_target" ]; then cargo test --locked --no-run; fi
container_image "$suite" || leave_out
container_start "$container" "$image" "${options[@]}" || leave_out
if [ "${KEEP_CONTAINER:-}" = 1 ]; then
  say "the container stays: ${engine[*]} exec -it -w $REPO $container bash"
else
  trap finish EXIT
fi
# shellcheck disable=SC2016  # expanded inside
"${engine[@]}" exec -w "$REPO" -e CI="${CI:-}" "$container" bash -euc '
  . scripts/lib.sh
  need_rust
  need_age
  scripts/lab up host inside
  eval "$(scripts/lab env inside)"
  export LAB_RESTART="$PWD/scripts/lab restart inside"
  incus version local:
  if have cargo-nextest; then
    cargo nextest run --profile ci --locked -E "test(/real_/)"
  else
    cargo test --locked --test it real_ -- --test-threads 1
  fi'
