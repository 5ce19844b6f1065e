# shellcheck shell=bash
# What the tests of packages say in several places, inside their containers.

apt() { DEBIAN_FRONTEND=noninteractive quiet apt-get -q -y --no-install-recommends "$@" </dev/null; }

# is WHAT EXPECTED FOUND
is() { [ "$2" = "$3" ] || die "$1: '$2' was expected, and it is '$3'"; }
