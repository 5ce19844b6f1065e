# shellcheck shell=bash
# What the scripts share: messages here, the rest by subject in scripts/lib/.
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
step() { printf '\n%s== %s%s\n' "$bold" "$*" "$plain" >&2; }
warn() { printf '%swarning:%s %s\n' "$yellow" "$plain" "$*" >&2; }
die() {
  printf '%serror:%s %s\n' "$red" "$plain" "$*" >&2
  exit 1
}

# quiet COMMAND…: says something only when the command fails.
quiet() {
  local said
  said=$("$@" 2>&1) || {
    printf '%s\n' "$said" >&2
    return 1
  }
}

have() { command -v "$1" >/dev/null 2>&1; }
is_root() { [ "$(id -u)" -eq 0 ]; }

# Prints the header comment of a script, without its marks: what -h shows.
usage_of() { awk 'NR == 1 { next } /^#/ { sub(/^# ?/, ""); print; next } { exit }' "$1"; }

for library in debian incus busybox rust restic age container; do
  # shellcheck source=/dev/null
  . "$REPO/scripts/lib/$library.sh"
done
unset library
