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

fetch_restic() { fetch_program "$1" restic usr/bin/restic restic; }

# fetch_program SUITE PACKAGE FILE FOLDER: takes one program out of a package of a suite, into
# .cache/FOLDER/SUITE. The lists of packages that it is found in are its own: those of the machine stay
# as they are.
fetch_program() {
  local suite=$1 package=$2 file=$3 folder=$CACHE/$4/$1 name=${3##*/} options status=0
  [ -x "$folder/$name" ] && return
  is_debian || return
  mkdir -p "$folder/lists/partial" "$folder/archives/partial"
  printf 'deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] %s %s main\n' \
    "$(debian_mirror)" "$suite" >"$folder/sources.list"
  options=(-o "Dir::Etc::SourceList=$folder/sources.list" -o Dir::Etc::SourceParts=-
    -o "Dir::State::Lists=$folder/lists" -o "Dir::Cache=$folder" -o APT::Get::List-Cleanup=0)
  is_root && options+=(-o APT::Sandbox::User=root)
  say "fetching $package of Debian $suite"
  (
    cd "$folder"
    quiet apt-get -q "${options[@]}" update </dev/null &&
      quiet apt-get -q "${options[@]}" download "$package" </dev/null &&
      dpkg-deb -x "$package"_*.deb unpacked &&
      install -m 755 "unpacked/$file" "$name.new" && mv "$name.new" "$name"
  ) || status=1
  rm -rf "$folder"/{lists,archives,sources.list,unpacked,*.deb,*.bin}
  return $status
}

# need_servers: servers that repositories can be on, for the tests: exports TEST_RCLONE (REST),
# TEST_MOTO (S3) and TEST_SFTP_SERVER, and names in no_servers what cannot be had.
# shellcheck disable=SC2034  # told by scripts/test
no_servers=
need_servers() {
  local missing=()
  if [ -z "${TEST_RCLONE:-}" ]; then
    if have rclone; then
      TEST_RCLONE=$(command -v rclone)
    elif fetch_program "$(codename)" rclone usr/bin/rclone rclone; then
      TEST_RCLONE=$CACHE/rclone/$(codename)/rclone
    else
      missing+=("REST (rclone)")
    fi
  fi
  if [ -z "${TEST_SFTP_SERVER:-}" ]; then
    if [ -x /usr/lib/openssh/sftp-server ]; then
      TEST_SFTP_SERVER=/usr/lib/openssh/sftp-server
    elif fetch_program "$(codename)" openssh-sftp-server usr/lib/openssh/sftp-server sftp; then
      TEST_SFTP_SERVER=$CACHE/sftp/$(codename)/sftp-server
    else
      missing+=("SFTP (openssh-sftp-server)")
    fi
  fi
  if [ -z "${TEST_MOTO:-}" ]; then
    if fetch_moto; then TEST_MOTO=$CACHE/moto/bin/moto_server; else missing+=("S3 (moto)"); fi
  fi
  export TEST_RCLONE="${TEST_RCLONE:-}" TEST_SFTP_SERVER="${TEST_SFTP_SERVER:-}" TEST_MOTO="${TEST_MOTO:-}"
  [ ${#missing[@]} -eq 0 ] && return
  no_servers="these cannot be fetched: $(IFS=,; printf %s "${missing[*]}")"
  return 1
}

# fetch_moto: an S3 server in Python, in a folder of its own.
fetch_moto() {
  local folder=$CACHE/moto
  [ -x "$folder/bin/moto_server" ] && return
  if ! have python3 || ! python3 -c 'import ensurepip, venv' 2>/dev/null; then
    is_debian && is_root || return
    apt_update_once
    apt_install python3-venv || return
  fi
  say "fetching moto"
  rm -rf "$folder"
  quiet python3 -m venv "$folder" &&
    quiet "$folder/bin/pip" --disable-pip-version-check install 'moto[s3]==5.*' flask flask-cors && return
  rm -rf "$folder"
  return 1
}
