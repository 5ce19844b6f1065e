# shellcheck shell=bash
# Debian with Incus in a privileged container of podman or docker: the lab's, and that of
# scripts/test_integration_container.sh. Images are kept in .cache/containers.
#
# Its functions return 1 and say in `no_container` why a container cannot be had.
# Descriptors 7 and 9 are locks of scripts/lab, which a container must not keep.

no_container=''
engine=()

no_container_because() {
  no_container=$*
  return 1
}

# find_engine: sets engine, the command line of podman or docker.
find_engine() {
  is_root || no_container_because "it needs root" || return
  # A client of docker alone, without its server, is of no use.
  if ! have podman && ! docker info >/dev/null 2>&1 && is_debian; then
    apt_need podman=podman runc=runc || true
  fi
  if have podman; then
    engine=(podman)
    # crun refuses some hosts' hybrid cgroups; runc does not.
    ! have runc || engine+=(--runtime "$(command -v runc)")
    engine+=(--cgroup-manager cgroupfs --root "$CACHE/containers/storage" --runroot "$CACHE/containers/run")
  elif have docker && docker info >/dev/null 2>&1; then
    engine=(docker)
  else
    no_container_because "neither podman nor docker works here"
  fi
}

# The suite of Debian that has an Incus series.
suite_of_series() {
  case $1 in
    sid | 7.0) printf 'sid\n' ;;
    trixie | 6.0) printf 'trixie\n' ;;
    *) return 1 ;;
  esac
}

container_packages=(incus-base incus-client dnsmasq-base nftables iproute2 uidmap btrfs-progs e2fsprogs busybox-static
  ca-certificates procps attr libcap2-bin bsdutils zstd gcc libc6-dev git squashfs-tools)

# container_image SUITE: sets image, which is built when it is not there.
container_image() {
  local suite=$1 base status=0
  image=localhost/incus-backup-$suite:$(printf '%s ' "${container_packages[@]}" | sha256sum | cut -c1-8)
  mkdir -p "$CACHE/containers"
  # Two runs that share a cache build it once.
  exec 8>"$CACHE/containers/.$suite.lock"
  flock 8
  if ! "${engine[@]}" image inspect "$image" >/dev/null 2>&1; then
    step "building $image"
    base_image "$suite" && incus_image "$suite" || status=1
  fi
  exec 8>&-
  return $status
}

# A plain Debian: a registry's where one is reachable, else debootstrap's, from the archive that this
# machine already uses.
base_image() { # SUITE
  local suite=$1 root log=$CACHE/containers/base-$1.log status=0
  base=docker.io/library/debian:$suite-slim
  "${engine[@]}" image inspect "$base" >/dev/null 2>&1 && return
  timeout 120 "${engine[@]}" pull -q "$base" >"$log" 2>&1 </dev/null && return
  base=localhost/incus-backup-base-$suite
  "${engine[@]}" image inspect "$base" >/dev/null 2>&1 && return
  is_debian || no_container_because "$base cannot be pulled, and only on Debian can it be made: $(tail -n 1 "$log")" || return
  say "no image registry is reachable; building a Debian $suite with debootstrap"
  apt_need debootstrap=debootstrap
  root=$(mktemp -d -p "$CACHE/containers" "root-$suite.XXXXXX")
  bootstrap_base "$suite" "$root" "$log" || status=1
  # A debootstrap that failed may have left its mounts: what is mounted there is not ours to remove.
  awk -v root="$root/" 'index($5, root) == 1 { print $5 }' /proc/self/mountinfo | sort -r | xargs -r -n 1 umount
  rm -rf --one-file-system "$root"
  return $status
}

bootstrap_base() { # SUITE ROOT LOG
  debootstrap --variant=minbase "$1" "$2" "$(debian_mirror)" >"$3" 2>&1 ||
    no_container_because "debootstrap failed, see $3: $(tail -n 1 "$3")" || return
  # What this machine needs to reach the archive, such as a proxy, the image needs too.
  apt-config dump Acquire >"$2/etc/apt/apt.conf.d/00as-on-the-host"
  tar -C "$2" --one-file-system -c . | "${engine[@]}" import - "$base" >/dev/null 2>"$3" ||
    no_container_because "the image cannot be imported, see $3: $(tail -n 1 "$3")"
}

incus_image() { # SUITE
  local log=$CACHE/containers/image-$1.log building=incus-backup-build-$$
  # shellcheck disable=SC2016  # expanded inside
  "${engine[@]}" run --name "$building" --network=host --ulimit nofile=1024:20000 --ulimit nproc=1000:1000 "$base" \
    bash -euc 'export DEBIAN_FRONTEND=noninteractive
      printf "#!/bin/sh\nexit 101\n" >/usr/sbin/policy-rc.d && chmod 755 /usr/sbin/policy-rc.d
      apt-get -q update
      apt-get -q install -y --no-install-recommends "$@"
      apt-get clean
      rm -rf /var/lib/apt/lists/*
      test -x /usr/libexec/incus/incusd' - "${container_packages[@]}" >"$log" 2>&1 </dev/null &&
    "${engine[@]}" commit "$building" "$image" >>"$log" 2>&1 ||
    no_container_because "the image cannot be built, see $log: $(tail -n 1 "$log")"
  local status=$?
  "${engine[@]}" rm -f "$building" >/dev/null 2>&1 || true
  return $status
}

# Newer LXC freezes only where cgroup2 is all there is, and the loop devices of pools need nodes. Then
# it waits to be entered; with BOOT=1 systemd becomes the init, in a cgroup that is the root of its tree.
container_init='
for group in /sys/fs/cgroup/*; do umount -l "$group" 2>/dev/null; done
umount -l /sys/fs/cgroup 2>/dev/null
group=lab
[ -z "$BOOT" ] || group=boot-$(date +%s%N)
mount -t cgroup2 none /sys/fs/cgroup && mkdir -p /sys/fs/cgroup/$group && echo $$ >/sys/fs/cgroup/$group/cgroup.procs
for number in $(seq 0 63); do [ -e /dev/loop$number ] || mknod -m 660 /dev/loop$number b 7 $number; done
mkdir -p /run/incus
if [ -n "$BOOT" ]; then
    export DEBIAN_FRONTEND=noninteractive
    apt-get -q update && apt-get -q install -y --no-install-recommends systemd systemd-sysv dbus || exit
    rm -f /usr/sbin/policy-rc.d
    touch /run/entered
    umount /sys/fs/cgroup
    exec unshare --cgroup sh -c "mount -t cgroup2 none /sys/fs/cgroup && exec /lib/systemd/systemd"
fi
trap "exit 0" TERM
touch /run/entered
while :; do sleep 1 & wait $!; done'

container_runs() { # NAME
  [ "$("${engine[@]}" inspect -f '{{.State.Running}}' "$1" 2>/dev/null)" = true ]
}

# container_start NAME IMAGE OPTION…: one that runs already is left as it is.
container_start() {
  local name=$1 image=$2 log=$CACHE/containers/$1.log left=2400
  shift 2
  container_runs "$name" && return
  "${engine[@]}" rm -f "$name" >/dev/null 2>&1 || true
  "${engine[@]}" run -d --name "$name" --privileged --network=host \
    --ulimit nofile=1024:20000 --ulimit nproc=1000:1000 -e HOME=/root "$@" \
    "$image" bash -c "$container_init" >/dev/null 2>"$log" </dev/null 7<&- 9>&- ||
    no_container_because "the container does not start: $(tail -n 1 "$log")" || return
  until "${engine[@]}" exec "$name" test -e /run/entered 2>/dev/null; do
    [ $((left -= 1)) -gt 0 ] || no_container_because "the container's init does not come up" || return
    sleep 0.05
  done
}

container_remove() { # NAME
  "${engine[@]}" rm -f "$1" >/dev/null 2>&1 || true
}
