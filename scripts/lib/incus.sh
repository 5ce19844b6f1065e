# shellcheck shell=bash
# Incus itself: where it is, and how it comes onto a Debian without it.

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
    # Debian 12 has it only in its backports.
    bookworm) with_suite bookworm-backports "$(debian_mirror)" apt_run_backports "$@" ;;
    *)
      apt_update_once
      apt_install "$@"
      ;;
  esac || die "could not install $*"
}

apt_run_backports() { apt_install -t "$(codename)-backports" "$@"; }

# Incus maps the users of containers into these.
need_subordinate_ids() {
  local file
  for file in /etc/subuid /etc/subgid; do
    grep -qs '^root:' "$file" || printf 'root:1000000:1000000000\n' >>"$file"
  done
}
