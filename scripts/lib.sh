# shellcheck shell=bash
# What the scripts share: messages, packages, the busybox image, the Rust toolchain.
# Sourced, never run. Sets REPO, the root of the work tree.

REPO=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
# TEST_CACHE lets several work trees of one person share a cache.
CACHE=${TEST_CACHE:-$REPO/.cache}
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
export PATH

if [ -t 2 ] && [ -z "${NO_COLOR:-}" ]; then
  bold=$'\e[1m' red=$'\e[31m' yellow=$'\e[33m' green=$'\e[32m' cyan=$'\e[36m' plain=$'\e[0m'
else
  bold='' red='' yellow='' green='' cyan='' plain=''
fi
# shellcheck disable=SC2034  # used by the scripts that source this file
readonly bold red yellow green cyan plain

say() { printf '%s\n' "$*" >&2; }
step() { printf '%s== %s%s\n' "$bold" "$*" "$plain" >&2; }
warn() { printf '%swarning:%s %s\n' "$yellow" "$plain" "$*" >&2; }
die() {
  printf '%serror:%s %s\n' "$red" "$plain" "$*" >&2
  exit 1
}

have() { command -v "$1" >/dev/null 2>&1; }
is_root() { [ "$(id -u)" -eq 0 ]; }

# Prints the header comment of a script, without its marks: what -h shows.
usage_of() { awk 'NR == 1 { next } /^#/ { sub(/^# ?/, ""); print; next } { exit }' "$1"; }

# --- packages -----------------------------------------------------------------------------------

codename() { (. /etc/os-release 2>/dev/null && printf %s "${VERSION_CODENAME:-}"); }
is_debian() { [ "$(. /etc/os-release 2>/dev/null && printf %s "${ID:-}")" = debian ] && have apt-get; }

# The address of the Debian archive that this machine already uses: nothing here names one.
debian_mirror() {
  local want found
  want=$(codename)
  found=$(
    shopt -s nullglob
    for file in /etc/apt/sources.list.d/*.sources; do
      awk -v want="$want" '
        function flush() { if (uri != "" && (" " suites " ") ~ (" " want " ")) print uri; uri = suites = "" }
        /^[[:space:]]*$/ { flush(); next }
        tolower($1) == "uris:" { uri = $2 }
        tolower($1) == "suites:" { $1 = ""; suites = $0 }
        END { flush() }' "$file"
    done
    for file in /etc/apt/sources.list /etc/apt/sources.list.d/*.list; do
      [ -e "$file" ] || continue
      sed -nE 's/^deb[[:space:]]+(\[[^]]*\][[:space:]]+)?([^[:space:]]+)[[:space:]]+([^[:space:]]+).*/\2 \3/p' "$file" |
        awk -v want="$want" '$2 == want { print $1 }'
    done
  )
  found=${found%%$'\n'*}
  [ -n "$found" ] || die "no Debian archive for '$want' is configured in /etc/apt"
  printf '%s\n' "${found%/}"
}

apt_run() {
  DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=300 "$@" </dev/null >&2
}

apt_updated=
apt_update_once() {
  [ -n "$apt_updated" ] && return
  apt_run update || warn "apt-get update failed; trying with the package lists as they are"
  apt_updated=1
}

# apt_need TEST=PACKAGE…: installs the packages whose TEST (a command, or a path) is missing.
apt_need() {
  local item missing=()
  for item in "$@"; do
    case ${item%%=*} in
      /*) [ -e "${item%%=*}" ] && continue ;;
      *) have "${item%%=*}" && continue ;;
    esac
    missing+=("${item#*=}")
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  is_debian || die "missing: ${missing[*]} (Debian package names); install them and run this again"
  is_root || die "missing: ${missing[*]}; run as root: apt-get install ${missing[*]}"
  say "installing ${missing[*]}"
  apt_update_once
  apt_run install -y --no-install-recommends "${missing[@]}" || die "could not install ${missing[*]}"
}

# Debian 12 has Incus only in its backports. They are read from a private list of sources, so that
# the machine's own stays as it is.
apt_install_backports() {
  local suite sources options
  suite=$(codename)-backports
  if apt-cache policy 2>/dev/null | grep -q "n=$suite"; then
    apt_update_once
    apt_run install -y --no-install-recommends -t "$suite" "$@"
    return
  fi
  sources=$(mktemp -d)
  cp -r /etc/apt/sources.list.d/. "$sources"/ 2>/dev/null || true
  printf 'Types: deb\nURIs: %s\nSuites: %s\nComponents: main\nSigned-By: %s\n' "$(debian_mirror)" \
    "$suite" /usr/share/keyrings/debian-archive-keyring.gpg >"$sources/backports-of-this-run.sources"
  options=(-o "Dir::Etc::SourceParts=$sources")
  apt_run "${options[@]}" update || warn "apt-get update failed; trying with what it got"
  apt_run "${options[@]}" install -y --no-install-recommends -t "$suite" "$@"
  local status=$?
  rm -rf "$sources"
  return $status
}

# --- Incus --------------------------------------------------------------------------------------

incusd_path() {
  local path
  for path in "$(command -v incusd || true)" /usr/libexec/incus/incusd /usr/lib/incus/incusd /opt/incus/bin/incusd; do
    [ -x "$path" ] && printf '%s\n' "$path" && return
  done
  return 1
}

install_incus_client() {
  have incus || install_incus_packages incus-client
}

install_incus_daemon() {
  local wanted=()
  incusd_path >/dev/null || wanted+=(incus-base)
  have incus || wanted+=(incus-client)
  [ ${#wanted[@]} -eq 0 ] || install_incus_packages "${wanted[@]}"
}

install_incus_packages() {
  is_debian || die "Incus is not installed, and only on Debian can this script install it: install Incus 6.0 or later"
  is_root || die "Incus is not installed; run as root, or install $* yourself"
  say "installing $*"
  case $(codename) in
    bullseye | buster) die "Incus needs Debian 12 or later" ;;
    bookworm) apt_install_backports "$@" || die "could not install $* from bookworm-backports" ;;
    *)
      apt_update_once
      apt_run install -y --no-install-recommends "$@" || die "could not install $*"
      ;;
  esac
}

# --- the busybox image --------------------------------------------------------------------------

# Prints the path of a static busybox. The package is unpacked, not installed, where there is none:
# installing it would remove the dynamic one that an initramfs may be using.
static_busybox() {
  local path=/bin/busybox cached=$CACHE/busybox/bin/busybox scratch
  if [ -x "$path" ] && ! ldd "$path" >/dev/null 2>&1; then
    printf '%s\n' "$path"
    return
  fi
  if [ ! -x "$cached" ]; then
    is_debian || die "a static busybox is needed at /bin/busybox"
    scratch=$(mktemp -d)
    chmod 755 "$scratch"
    (cd "$scratch" && apt_run download busybox-static) || {
      apt_update_once
      (cd "$scratch" && apt_run download busybox-static) || die "could not fetch busybox-static"
    }
    dpkg-deb -x "$scratch"/busybox-static_*.deb "$scratch/root"
    mkdir -p "$CACHE/busybox/bin"
    # Beside the program the package has a hook of the same name.
    cp "$(find "$scratch/root" -type f -path '*/bin/busybox')" "$cached"
    rm -rf "$scratch"
  fi
  printf '%s\n' "$cached"
}

# busybox_image FILE: an Incus image of 1 MB whose containers start at once. No server is asked.
busybox_image() {
  local file=$1 busybox root applet
  busybox=$(static_busybox)
  root=$(mktemp -d)
  mkdir -p "$root"/rootfs/{bin,dev,etc,home,mnt,proc,root,run,sbin,sys,tmp,usr/bin,usr/sbin,var/lib,var/log}
  chmod 1777 "$root/rootfs/tmp"
  cp "$busybox" "$root/rootfs/bin/busybox"
  chmod 755 "$root/rootfs/bin/busybox"
  for applet in $("$busybox" --list); do
    [ "$applet" = busybox ] || ln -s busybox "$root/rootfs/bin/$applet"
  done
  ln -s ../bin/busybox "$root/rootfs/sbin/init"
  cat >"$root/rootfs/etc/inittab" <<'INITTAB'
::sysinit:/bin/mount -t proc proc /proc
::respawn:/bin/sleep 3600
::ctrlaltdel:/bin/halt
::shutdown:/bin/true
INITTAB
  printf 'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n' >"$root/rootfs/etc/passwd"
  printf 'root:x:0:\nnogroup:x:65534:\n' >"$root/rootfs/etc/group"
  : >"$root/rootfs/etc/resolv.conf"
  cat >"$root/metadata.yaml" <<METADATA
architecture: $(uname -m)
creation_date: 1700000000
properties:
  architecture: $(uname -m)
  description: busybox, all applets, for tests
  os: busybox
  release: static
METADATA
  tar -C "$root" --owner=0 --group=0 --numeric-owner -czf "$file" metadata.yaml rootfs
  rm -rf "$root"
}

# --- the Rust toolchain -------------------------------------------------------------------------

RUST_VERSION=1.89

rust_is_new_enough() {
  have cargo && have rustc || return 1
  local version
  version=$(rustc --version 2>/dev/null | cut -d' ' -f2)
  [ -n "$version" ] && [ "$(printf '%s\n%s\n' "$RUST_VERSION" "${version%%-*}" | sort -V | head -n 1)" = "$RUST_VERSION" ]
}

# A toolchain that is there, else rustup's, kept in .cache/, else Debian's where it is new enough.
need_rust() {
  apt_need cc=gcc /usr/include/stdio.h=libc6-dev
  PATH=$PATH:${CARGO_HOME:-$HOME/.cargo}/bin
  if ! rust_is_new_enough && [ -x "$CACHE/cargo/bin/cargo" ]; then
    export RUSTUP_HOME=$CACHE/rustup CARGO_HOME=$CACHE/cargo
    PATH=$CARGO_HOME/bin:$PATH
  fi
  rust_is_new_enough || install_rust
  rust_is_new_enough || die "Rust $RUST_VERSION or later is needed; see https://rustup.rs"
}

install_rust() {
  local candidate
  say "installing a Rust toolchain"
  apt_need curl=curl /etc/ssl/certs/ca-certificates.crt=ca-certificates
  if curl --proto '=https' --tlsv1.2 -sSf -m 60 https://sh.rustup.rs -o "$CACHE/rustup-init" 2>/dev/null; then
    export RUSTUP_HOME=$CACHE/rustup CARGO_HOME=$CACHE/cargo
    sh "$CACHE/rustup-init" -y --no-modify-path --profile minimal -c clippy -c rustfmt >&2 || true
    PATH=$CARGO_HOME/bin:$PATH
    return
  fi
  candidate=$(apt-cache policy rustc 2>/dev/null | awk '/Candidate:/ { print $2 }')
  warn "rustup cannot be reached; trying Debian's own (${candidate:-none})"
  apt_need cargo=cargo rustfmt=rustfmt cargo-clippy=rust-clippy
}

# cargo-nextest runs tests in parallel; `cargo test` does where it cannot be had.
need_nextest() {
  have cargo-nextest && return
  [ -x "$CACHE/tools/bin/cargo-nextest" ] || {
    say "installing cargo-nextest into .cache/"
    cargo install --locked --quiet --root "$CACHE/tools" cargo-nextest >&2 || return 1
  }
  PATH=$PATH:$CACHE/tools/bin
}
