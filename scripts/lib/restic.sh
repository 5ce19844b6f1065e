# shellcheck shell=bash
# restic for the tests: one that is recent enough, and an old one to test the warning with. Both are
# kept in .cache/restic: the packages of other suites of Debian need no more than any libc6 since 2.34.

restic_recent=0.18.0

restic_version() { "$1" version 2>/dev/null | sed -nE 's/^restic ([0-9.]+).*/\1/p'; }

restic_is_recent() {
  local version
  version=$(restic_version "$1")
  [ -n "$version" ] && [ "$(printf '%s\n' "$restic_recent" "$version" | sort -V | head -n 1)" = "$restic_recent" ]
}

# need_restic: exports TEST_RESTIC and, where it can be had, TEST_OLD_RESTIC. Returns 1 and says in
# no_restic why there is none.
# shellcheck disable=SC2034  # told by scripts/test
no_restic=
need_restic() {
  [ -n "${TEST_OLD_RESTIC:-}" ] || ! fetch_restic bookworm || export TEST_OLD_RESTIC=$CACHE/restic/bookworm/restic
  [ -n "${TEST_RESTIC:-}" ] && return
  if have restic && restic_is_recent "$(command -v restic)"; then
    TEST_RESTIC=$(command -v restic)
  elif fetch_restic trixie; then
    TEST_RESTIC=$CACHE/restic/trixie/restic
  else
    no_restic="restic $restic_recent is not installed, and cannot be fetched from Debian's archive"
    return 1
  fi
  export TEST_RESTIC
}

# fetch_restic SUITE: unpacks the package of a suite into the cache. The lists of packages that it is
# found in are its own: those of the machine stay as they are.
fetch_restic() {
  local suite=$1 folder=$CACHE/restic/$1 options status=0
  [ -x "$folder/restic" ] && return
  is_debian || return
  mkdir -p "$folder/lists/partial" "$folder/archives/partial"
  printf 'deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] %s %s main\n' \
    "$(debian_mirror)" "$suite" >"$folder/sources.list"
  options=(-o "Dir::Etc::SourceList=$folder/sources.list" -o Dir::Etc::SourceParts=-
    -o "Dir::State::Lists=$folder/lists" -o "Dir::Cache=$folder" -o APT::Get::List-Cleanup=0)
  is_root && options+=(-o APT::Sandbox::User=root)
  say "fetching restic of Debian $suite"
  (
    cd "$folder"
    quiet apt-get -q "${options[@]}" update </dev/null &&
      quiet apt-get -q "${options[@]}" download restic </dev/null &&
      dpkg-deb -x restic_*.deb unpacked &&
      install -m 755 unpacked/usr/bin/restic restic.new && mv restic.new restic
  ) || status=1
  rm -rf "$folder"/{lists,archives,sources.list,unpacked,*.deb,*.bin}
  return $status
}
