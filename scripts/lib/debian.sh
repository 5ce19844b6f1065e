# shellcheck shell=bash
# Packages of Debian, from the archive that the machine already uses.

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
  DEBIAN_FRONTEND=noninteractive quiet apt-get -q -o DPkg::Lock::Timeout=300 "$@" </dev/null
}

apt_options=()

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
  apt_install "${missing[@]}" || die "could not install ${missing[*]}"
}

# with_suite SUITE ARCHIVE COMMAND…: runs a command with apt_options set so that apt-get and apt-cache
# see that suite too. It is read from a private list of sources: the machine's own stays as it is.
with_suite() {
  local suite=$1 archive=$2 sources status=0
  shift 2
  apt_options=()
  if apt-cache policy 2>/dev/null | grep -q "n=$suite"; then
    apt_update_once
    "$@"
    return
  fi
  sources=$(mktemp -d)
  cp -r /etc/apt/sources.list.d/. "$sources"/ 2>/dev/null || true
  printf 'Types: deb\nURIs: %s\nSuites: %s\nComponents: main\nSigned-By: %s\n' "$archive" \
    "$suite" /usr/share/keyrings/debian-archive-keyring.gpg >"$sources/suite-of-this-run.sources"
  apt_options=(-o "Dir::Etc::SourceParts=$sources")
  apt_run "${apt_options[@]}" update || warn "apt-get update failed; trying with what it got"
  "$@" || status=$?
  rm -rf "$sources"
  apt_options=()
  return $status
}

# apt_install PACKAGE…: never at the price of a package that is there.
apt_install() {
  apt_run "${apt_options[@]}" install -y --no-install-recommends --no-remove "$@"
}
