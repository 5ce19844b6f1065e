# shellcheck shell=bash
# The Rust toolchain: the one that is there, else rustup's, else Debian's.

RUST_VERSION=$(sed -n 's/^rust-version = "\(.*\)"$/\1/p' "$REPO/Cargo.toml")

new_enough() { # VERSION
  [ -n "$1" ] && [ "$(printf '%s\n%s\n' "$RUST_VERSION" "$1" | sort -V | head -n 1)" = "$RUST_VERSION" ]
}

rust_is_new_enough() {
  have cargo && have rustc && new_enough "$(rustc --version 2>/dev/null | sed -E 's/^rustc ([0-9.]+).*/\1/')"
}

# need_rust [fmt|clippy]…: a toolchain with these cargo commands. What is installed and downloaded for
# it stays in .cache/, unless this user has a cargo folder of their own.
need_rust() {
  local command
  mkdir -p "$CACHE"
  apt_need cc=gcc /usr/include/stdio.h=libc6-dev
  PATH=$PATH:${CARGO_HOME:-$HOME/.cargo}/bin
  [ -d "${CARGO_HOME:-$HOME/.cargo}" ] || export CARGO_HOME=$CACHE/cargo
  if ! rust_is_new_enough && [ -x "$CACHE/cargo/bin/cargo" ]; then use_own_rustup; fi
  if ! rust_is_new_enough; then
    say "installing a Rust toolchain"
    apt_need curl=curl /etc/ssl/certs/ca-certificates.crt=ca-certificates
    install_rustup || install_debian_rust || die "Rust $RUST_VERSION or later is needed, and neither rustup nor" \
      "Debian's archive as this machine sees it gives one: install it as https://rustup.rs says, and run this again"
    hash -r
  fi
  rust_is_new_enough || die "this machine's $(command -v rustc) is older than Rust $RUST_VERSION: remove it or update it," \
    "and run this again"
  for command in "$@"; do
    cargo "$command" --version >/dev/null 2>&1 || install_component "$command"
  done
}

use_own_rustup() {
  export RUSTUP_HOME=$CACHE/rustup CARGO_HOME=$CACHE/cargo
  PATH=$CARGO_HOME/bin:$PATH
}

install_rustup() {
  curl --proto '=https' --tlsv1.2 -sSf -m 60 https://sh.rustup.rs -o "$CACHE/rustup-init" 2>/dev/null || {
    warn "rustup cannot be reached; looking for Debian's own Rust"
    return 1
  }
  if (use_own_rustup && sh "$CACHE/rustup-init" -y --no-modify-path --profile minimal -c clippy -c rustfmt >&2); then
    use_own_rustup
  else
    warn "rustup did not install a toolchain; looking for Debian's own Rust"
    return 1
  fi
}

# The compiler of a Debian release stays as old as the release; beside it is a newer one, which Debian
# keeps for its browsers, in the same release or in its security updates.
install_debian_rust() {
  is_debian && is_root || return 1
  apt_update_once
  install_debian_family || with_suite "$(codename)-security" "$(debian_mirror)-security" install_debian_family
}

install_debian_family() {
  local family version
  for family in "rustc cargo rustfmt rust-clippy" "rustc-web cargo-web rustfmt-web rust-web-clippy"; do
    version=$(apt-cache "${apt_options[@]}" policy "${family%% *}" 2>/dev/null | sed -nE 's/^ *Candidate: ([0-9.]+).*/\1/p')
    new_enough "$version" || continue
    say "installing Debian's ${family%% *} $version"
    # shellcheck disable=SC2086  # several packages
    apt_install $family && return
  done
  return 1
}

install_component() { # fmt|clippy
  local package
  say "installing cargo $1"
  if have rustup && rustup show active-toolchain >/dev/null 2>&1; then
    rustup component add "$([ "$1" = fmt ] && printf rustfmt || printf clippy)" >&2 && return
  elif is_debian && is_root; then
    case $1-$(dpkg-query -W -f '${Package} ' rustc rustc-web 2>/dev/null) in
      fmt-*rustc-web*) package=rustfmt-web ;;
      clippy-*rustc-web*) package=rust-web-clippy ;;
      fmt-*) package=rustfmt ;;
      clippy-*) package=rust-clippy ;;
    esac
    apt_update_once
    apt_install "$package" && return
  fi
  die "cargo $1 is missing, and could not be installed: add it to the toolchain of $(command -v cargo)"
}

# need_cargo_tool NAME: a command of cargo, built into .cache/ where it is not at hand; quickly built rather
# than quick.
need_cargo_tool() {
  PATH=$PATH:$CACHE/tools/bin
  have "$1" && return
  say "building $1 into .cache/"
  CARGO_PROFILE_RELEASE_OPT_LEVEL=0 CARGO_PROFILE_RELEASE_DEBUG=0 CARGO_PROFILE_RELEASE_LTO=off \
    CARGO_TARGET_DIR=$CACHE/tools/build cargo install --locked --quiet --root "$CACHE/tools" "$1" >&2 || return 1
  rm -rf "$CACHE/tools/build"
}

# cargo-nextest runs tests in parallel; `cargo test` does where it cannot be had.
need_nextest() { need_cargo_tool cargo-nextest; }

# need_llvm_cov: cargo-llvm-cov, and the two programs of LLVM that read what the compiler's own LLVM makes
# the tests write. They come with rustup's llvm-tools, or as Debian's llvm of the same number; one of
# another number cannot read the files, and then nothing is measured.
need_llvm_cov() {
  local host tools series
  series=$(rustc -vV | sed -nE 's/^LLVM version: ([0-9]+).*/\1/p')
  host=$(rustc -vV | sed -n 's/^host: //p')
  tools=$(rustc --print sysroot)/lib/rustlib/$host/bin
  [ -x "$tools/llvm-cov" ] || tools=/usr/lib/llvm-$series/bin
  [ -x "$tools/llvm-cov" ] || (apt_need "$tools/llvm-cov=llvm-$series") ||
    die "coverage cannot be measured here: this compiler's LLVM is $series, and neither" \
      "\`rustup component add llvm-tools\` nor a package llvm-$series gave its llvm-cov"
  export LLVM_COV=$tools/llvm-cov LLVM_PROFDATA=$tools/llvm-profdata
  need_cargo_tool cargo-llvm-cov || die "cargo-llvm-cov could not be built"
}
