#!/usr/bin/env bash
# Tests the packages as users meet them.
#
# usage: scripts/test_package.sh
#
# Builds the deb and the rpm twice, the second time from another folder, and compares them; lints them and
# the units; then, in a container of a clean Debian: installs an older build, upgrades it, runs the demo
# with it, removes and purges it, and looks at what is left after each step. In another, whose init is
# systemd, the units are run: by hand, by their timers, stopped half way, and failing.
#
#   TEST_PACKAGE=systemd  only the last, with a deb that is built already
set -euo pipefail
# shellcheck source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "$REPO"
case ${1:-} in -h | --help) usage_of "$0" && exit ;; esac

version=$(sed -n 's/^version = "\(.*\)"$/\1/p' Cargo.toml | head -n 1)
architecture=$(dpkg --print-architecture)
packages=target/package
deb=$packages/incus-backup_${version}_$architecture.deb
old=$packages/incus-backup_0.0.1_$architecture.deb
rpm=$packages/incus-backup-$version-1.$(uname -m).rpm
work=$(mktemp -d)
container=incus-backup-package-$(printf %s "$REPO" | sha256sum | cut -c1-8)
booted=$container-systemd
engine=()
finish() {
  rm -rf "$work"
  [ ${#engine[@]} -eq 0 ] || for it in "$container" "$booted"; do container_remove "$it"; done
}
trap finish EXIT

# The units as systemd runs them.
with_systemd() {
  step "a Debian that systemd runs"
  find_engine && container_image sid &&
    container_start "$booted" "$image" -v "$REPO:$REPO:ro" --tmpfs /var/tmp:exec,dev --tmpfs /run -e container=podman -e BOOT=1 ||
    die "no container: $no_container"
  "${engine[@]}" exec -w "$REPO" -e TEST_CACHE=/var/tmp/cache "$booted" bash scripts/lib/package-systemd.sh "$deb" </dev/null
}

if [ "${TEST_PACKAGE:-}" = systemd ]; then
  with_systemd
  exit
fi

step "building, twice"
scripts/package --version 0.0.1 deb
scripts/package
mkdir "$work/elsewhere"
git ls-files -z | xargs -0 cp -P --parents -t "$work/elsewhere"
export SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}
"$work/elsewhere/scripts/package"
for package in "$deb" "$rpm"; do
  cmp "$package" "$work/elsewhere/$package" || die "${package##*/} differs when it is built in another folder"
done
say "both are the same, byte by byte"

step "size and links"
size=$(dpkg-deb --fsys-tarfile "$deb" | tar -tv --wildcards './usr/bin/*' | awk '$1 ~ /^-/ { sum += $3 } END { print sum }')
[ "$size" -le $((25 * 1000 * 1000)) ] || die "the programs take $size bytes, more than 25 MB"
say "the programs take $size bytes"

step "lint"
apt_need lintian=lintian rpmlint=rpmlint systemd-analyze=systemd
lintian --fail-on error,warning --info "$deb" || die "lintian complains"
rpmlint --strict --config packaging/rpmlint.toml "$rpm" || die "rpmlint complains"
for unit in packaging/systemd/*.service; do
  cp "$unit" "$work/"
  systemd-analyze security --offline=true --threshold=30 --no-pager "$work/${unit##*/}" >"$work/security" ||
    die "${unit##*/}: $(tail -n 1 "$work/security")"
  say "${unit##*/}: $(tail -n 1 "$work/security" | sed 's/.*: //')"
done

step "a clean Debian"
find_engine && container_image sid &&
  container_start "$container" "$image" -v "$REPO:$REPO:ro" --tmpfs /var/tmp:exec,dev || die "no container: $no_container"
"${engine[@]}" exec -w "$REPO" -e TEST_CACHE=/var/tmp/cache "$container" \
  bash scripts/lib/package-inside.sh "$old" "$deb" "$rpm" </dev/null
with_systemd
say "${green}${bold}the packages are as they should be${plain}"
