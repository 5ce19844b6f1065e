# shellcheck shell=bash
# Removes a lab whole, whatever state it is in. Only what carries the lab's own folder in its command
# line, its environment, its mounts or its loop devices is touched, and its own container.

remove() { # DIR
  local dir=$1 home pid network port
  [ -e "$dir" ] || return 0
  for home in $(homes_of "$dir"); do
    pid=$(daemon_pid "$home") || continue
    # Asking the daemon is the way that leaves no cgroups and veths behind; what it does not do in
    # time is done below by force.
    stop_instances "$home"
    kill -KILL "$pid" 2>/dev/null || true
    wait_gone "$pid" 5 || true
  done
  kill_processes "$dir"
  if [ -e "$dir/container" ]; then
    load_container
    container_remove "$container"
  fi
  for network in "$dir"/incus/networks/*/; do
    network=$(basename "$network")
    [ -d "/sys/class/net/$network/bridge" ] || continue
    # A container that is killed gives its end of the cable back: its other end takes both away.
    for port in "/sys/class/net/$network/brif"/*; do
      ip link delete "${port##*/}" 2>/dev/null || true
    done
    ip link delete "$network" 2>/dev/null || true
  done
  remove_mounts "$dir"
  rm -rf --one-file-system "$dir" || warn "could not remove all of $dir"
}

stop_instances() { # HOME: in every project
  local project projects
  projects=$(in_lab "$1" timeout 5 incus query /1.0/projects </dev/null 2>/dev/null) || return 0
  for project in $(grep -o '/1.0/projects/[^"]*' <<<"$projects"); do
    in_lab "$1" timeout 20 incus --project "${project##*/}" stop --all --force </dev/null >/dev/null 2>&1 || true
  done
}

processes_of() { # DIR: helpers, dnsmasq, LXC monitors: all name the lab's folder
  local pid
  for pid in $(grep -lsaF "$1/" /proc/[0-9]*/cmdline 2>/dev/null); do
    pid=${pid#/proc/}
    pid=${pid%/cmdline}
    case $(cat "/proc/$pid/comm" 2>/dev/null) in
      incusd | dnsmasq | lxc* | '[lxc monitor]'* | forkproxy) printf '%s\n' "$pid" ;;
    esac
  done
}

kill_processes() { # DIR
  local pid child groups=() pids=()
  for pid in $(processes_of "$1"); do
    mapfile -t -O ${#groups[@]} groups < <(cut -d: -f2- "/proc/$pid/cgroup" 2>/dev/null)
    # The first process of a container is the child of its monitor; with it go all of the others.
    for child in $(cat "/proc/$pid/task/$pid/children" 2>/dev/null); do
      mapfile -t -O ${#groups[@]} groups < <(cut -d: -f2- "/proc/$child/cgroup" 2>/dev/null)
      kill -KILL "$child" 2>/dev/null || true
    done
    pids+=("$pid")
  done
  [ ${#pids[@]} -gt 0 ] || return 0
  sleep 0.2
  for pid in "${pids[@]}"; do
    kill -KILL "$pid" 2>/dev/null || true
    wait_gone "$pid" 5 || warn "process $pid does not end"
  done
  remove_cgroups "${groups[@]}"
}

remove_cgroups() { # CONTROLLERS:PATH…: those of LXC, and only when empty
  local group controllers path base
  for group in "$@"; do
    controllers=${group%%:*} path=${group#*:}
    [[ $path == */lxc.* ]] || continue
    controllers=${controllers#name=}
    for base in "/sys/fs/cgroup/${controllers:-unified}" /sys/fs/cgroup; do
      [ -d "$base$path" ] && find "$base$path" -depth -type d -exec rmdir {} + 2>/dev/null
    done
  done
  return 0
}

remove_mounts() { # DIR
  local mount device
  while read -r mount; do
    umount -l "$mount" 2>/dev/null || warn "could not unmount $mount"
  done < <(awk -v dir="$1/" 'index($5, dir) == 1 { print $5 }' /proc/self/mountinfo | sort -r)
  while read -r device; do
    losetup -d "$device" 2>/dev/null || true
  done < <(losetup --list --noheadings --output NAME,BACK-FILE | awk -v dir="$1/" 'index($2, dir) == 1 { print $1 }')
}
