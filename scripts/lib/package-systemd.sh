#!/usr/bin/env bash
# What scripts/test_package.sh does inside a container whose init is systemd: the units as they are installed,
# with an Incus that systemd runs, too.
#
# usage: package-systemd.sh NEW.deb
set -euo pipefail
# shellcheck source=../lib.sh
. scripts/lib.sh
# shellcheck source=package-checks.sh
. scripts/lib/package-checks.sh
new=$PWD/$1
mkdir -p /var/tmp/cache

# of UNIT PROPERTY
of() { systemctl show --value -p "$2" "$1"; }

# until WHAT COMMAND…: waits up to a minute.
until_it() {
  local what=$1 left=600
  shift
  until "$@"; do
    [ $((left -= 1)) -gt 0 ] || die "after a minute still not: $what"
    sleep 0.1
  done
}

# fails UNIT EXIT_CODE
fails() {
  ! systemctl start "$1" 2>/dev/null || die "$1 ended well"
  is "the exit code of $1" "$2" "$(of "$1" ExecMainStatus)"
  is "the result of $1" exit-code "$(of "$1" Result)"
  systemctl reset-failed "$1"
}

# succeeds UNIT
succeeds() {
  systemctl start "$1" || { journalctl -u "$1" --no-pager | tail -n 40; die "$1 failed"; }
  is "the result of $1" success "$(of "$1" Result)"
}

versions() { incus-backup-instance list -f csv | wc -l; }

step "a system that systemd has started"
until_it "a system that runs" systemctl is-system-running --quiet
say "systemd $(systemctl --version | awk 'NR == 1 { print $2 }'), $(incus --version) of Incus"
busybox_image /var/tmp/busybox.tar.gz
incus storage create default dir --quiet >/dev/null 2>&1
incus profile device add default root disk path=/ pool=default >/dev/null
incus image import /var/tmp/busybox.tar.gz --alias busybox >/dev/null
incus launch busybox web --quiet </dev/null >/dev/null 2>&1
incus exec web -- sh -c 'dd if=/dev/urandom of=/data bs=1M count=256 2>/dev/null'

step "the units, installed and enabled"
apt install "$new"
printf 'default-target: mine\ntargets: { mine: { uri: "dir:/var/backups/incus" } }\nretention: { keep-last: 2 }\n' \
  >/etc/incus/backup.yml
systemctl enable --quiet --now incus-backup{,-prune,-verify}@default.timer
for unit in incus-backup{,-prune,-verify}@default; do
  is "$unit.timer" active "$(of "$unit.timer" ActiveState)"
  [ "$(of "$unit.timer" NextElapseUSecRealtime)" != "" ] || die "$unit.timer never elapses"
done
systemd-analyze verify --man=no incus-backup{,-prune,-verify}@default.{service,timer}

step "what fails is told to OnFailure="
mkdir -p /etc/systemd/system/incus-backup@.service.d
printf '%s\n' '[Unit]' 'OnFailure=told.service' >/etc/systemd/system/incus-backup@.service.d/told.conf
# shellcheck disable=SC2016  # for sh
printf '%s\n' '[Service]' 'Type=oneshot' 'ExecStart=sh -c "echo $MONITOR_UNIT $MONITOR_EXIT_STATUS >/run/told"' \
  >/etc/systemd/system/told.service
systemctl daemon-reload
fails incus-backup@default.service 10
until_it "who is told" test -s /run/told
is "what OnFailure= hears" "incus-backup@default.service 10" "$(cat /run/told)"

step "a run, a check and a prune"
incus-backup-setup target init mine --yes
succeeds incus-backup@default.service
is "versions of the instance" 1 "$(versions)"
is "the status" "3 of 3 done" "$(of incus-backup@default.service StatusText | cut -d , -f 1)"
is "the instance" RUNNING "$(incus list -f csv -c s web)"
succeeds incus-backup-verify@default.service
succeeds incus-backup@default.service
succeeds incus-backup@default.service
succeeds incus-backup-prune@default.service
is "versions of the instance that the rule keeps" 2 "$(versions)"

step "the timer starts it by itself"
mkdir -p /etc/systemd/system/incus-backup@default.timer.d
printf '%s\n' '[Timer]' 'OnCalendar=' 'OnCalendar=*:*:0/2' 'RandomizedDelaySec=0' \
  >/etc/systemd/system/incus-backup@default.timer.d/often.conf
systemctl daemon-reload
systemctl restart incus-backup@default.timer
more() { [ "$(versions)" -ge 4 ]; }
until_it "two more versions by the timer" more
rm -r /etc/systemd/system/incus-backup@default.timer.d
systemctl daemon-reload
systemctl restart incus-backup@default.timer
until_it "its last run" eval '[ "$(of incus-backup@default.service ActiveState)" != activating ]'

step "a run that is stopped cleans up, and resumes what it paused"
incus exec web -- sh -c 'dd if=/dev/urandom of=/more bs=1M count=512 2>/dev/null'
before=$(versions)
for state in FROZEN RUNNING; do
  systemctl start --no-block incus-backup@default.service
  if [ "$state" = FROZEN ]; then
    until_it "a paused instance" eval '[ "$(incus list -f csv -c s web)" = FROZEN ]'
  else
    until_it "an export" eval '[ -n "$(find /var/backups/incus -path "*.partial-*" -name "export.tar*")" ]'
  fi
  systemctl stop incus-backup@default.service 2>/dev/null
  is "the instance after a stop" RUNNING "$(incus list -f csv -c s web)"
  is "what is left on the server" web "$(incus list -f csv -c n)"
  is "what is left in the target" "" "$(find /var/backups/incus -name '.partial-*')"
  is "versions" "$before" "$(versions)"
  systemctl reset-failed incus-backup@default.service 2>/dev/null || true
done

step "restic, with its cache where the unit may write"
apt install restic
mkdir -p /etc/incus/backup.d
printf '%s\n' INCUS_BACKUP_TARGET=restic:/var/backups/repository RESTIC_PASSWORD=secret >/etc/incus/backup.d/restic.conf
RESTIC_PASSWORD=secret incus-backup-setup target init restic:/var/backups/repository --yes
succeeds incus-backup@restic.service
[ -d /var/cache/incus-backup/restic ] || die "restic's cache is not in /var/cache/incus-backup"
sed -i s/secret/wrong/ /etc/incus/backup.d/restic.conf
fails incus-backup@restic.service 12

step "purged, with the timers that were enabled"
apt purge incus-backup
is "timers" "" "$(systemctl list-units --all --plain --no-legend 'incus-backup*.timer' | awk '$3 == "active"')"
is "links of timers" "" "$(find /etc/systemd/system -name 'incus-backup*' -path '*.wants/*')"
[ -d /var/backups/incus ] || die "purging took the backups"
