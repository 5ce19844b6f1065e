#!/usr/bin/env bash
# What scripts/test_package.sh does inside its container.
#
# usage: package-inside.sh OLD.deb NEW.deb NEW.rpm
set -euo pipefail
# shellcheck source=../lib.sh
. scripts/lib.sh
# shellcheck source=package-checks.sh
. scripts/lib/package-checks.sh
old=$PWD/$1 new=$PWD/$2 rpm=$PWD/$3
mkdir -p /var/tmp/cache

rights() { stat -c '%a %U' "$1"; }

rm -f /usr/sbin/policy-rc.d
rm -rf /var/backups/incus

step "installing an older build"
apt update
apt install "$old"
is "the version" 0.0.1 "$(dpkg-query -W -f '${Version}' incus-backup)"
is "the folder of backups" "700 root" "$(rights /var/backups/incus)"
is "the settings" "644 root" "$(rights /etc/incus/backup.yml)"
for helper in '' -all -bucket -config -image -instance -prune -setup -verify -volume; do
  is "the name of incus-backup$helper" "incus-backup$helper" "$("incus-backup$helper" --version | cut -d ' ' -f 1)"
  [ -e "/usr/share/man/man1/incus-backup$helper.1.gz" ] || [ -e /etc/dpkg/dpkg.cfg.d/docker ] || die "no man page of $helper"
done

step "what a fresh installation says"
said=$(incus-backup-instance list 2>&1) && die "a list of what is no target ended well: $said"
is "the exit code" 10 "$(incus-backup-instance list >/dev/null 2>&1; echo $?)"

step "upgrading, with settings of one's own and a backup"
printf 'default-target: mine\ntargets: { mine: { uri: "dir:/var/backups/incus" } }\n' >/etc/incus/backup.yml
echo precious >/var/backups/incus/precious
apt install -o Dpkg::Options::=--force-confold "$new"
grep -q 'default-target: mine' /etc/incus/backup.yml || die "the upgrade took the settings"
is "a backup" precious "$(cat /var/backups/incus/precious)"
rm /var/backups/incus/precious

step "the demo, with what is installed"
scripts/demo --installed

step "removing and purging"
echo precious >/var/backups/incus/precious
apt remove incus-backup
[ ! -e /usr/bin/incus-backup ] || die "the program is still there"
grep -q 'default-target: mine' /etc/incus/backup.yml || die "removing took the settings"
apt purge incus-backup
[ ! -e /etc/incus/backup.yml ] || die "purging left the settings"
is "a backup" precious "$(cat /var/backups/incus/precious)"
is "the folder of backups" "700 root" "$(rights /var/backups/incus)"

step "the rpm, into a root of its own"
apt install rpm
root=$(mktemp -d -p /var/tmp)
rpm --root "$root" --initdb
rpm --root "$root" -i --nodeps --noscripts "$rpm"
is "the name of a link" incus-backup-verify "$("$root/usr/bin/incus-backup-verify" --version | cut -d ' ' -f 1)"
is "the settings" "644 root" "$(rights "$root/etc/incus/backup.yml")"
rpm --root "$root" -V incus-backup --nodeps || die "the rpm's files are not what it says"
rpm --root "$root" -e --noscripts incus-backup
[ ! -e "$root/usr/bin/incus-backup" ] || die "the rpm's program is still there"
