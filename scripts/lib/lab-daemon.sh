# shellcheck shell=bash
# One daemon of a lab: its process, how it starts and stops, how it is asked. Its folder HOME has
# incus/ (INCUS_DIR), conf/ (INCUS_CONF) and its logs; a cluster has one such folder for each member.

# daemon_pid HOME: the process id, seen from here, of the incusd whose INCUS_DIR is HOME/incus. Its
# helpers (incusd forkproxy …) carry the same environment, and a verb where the daemon has an option.
daemon_pid() {
  local environ pid args
  for environ in $(grep -lszx "INCUS_DIR=$1/incus" /proc/[0-9]*/environ 2>/dev/null); do
    pid=${environ#/proc/}
    pid=${pid%/environ}
    [ "$(cat "/proc/$pid/comm" 2>/dev/null)" = incusd ] || continue
    mapfile -d '' args <"/proc/$pid/cmdline" 2>/dev/null || continue
    # A container's monitor is a fork of the daemon: same name, same environment, another title.
    [[ ${args[0]:-} == */incusd ]] || continue
    case ${args[1]:-} in
      '' | -*) printf '%s\n' "$pid" && return ;;
    esac
  done
  return 1
}

wait_gone() { # PID SECONDS
  local left=$(($2 * 20))
  while [ -d "/proc/$1" ] && [ "$(cut -d' ' -f3 "/proc/$1/stat" 2>/dev/null)" != Z ]; do
    [ $((left -= 1)) -gt 0 ] || return 1
    sleep 0.05
  done
}

# The environment of a lab's own commands, whatever that of the caller says.
in_lab() { # HOME COMMAND…
  env -u INCUS_SOCKET -u INCUS_REMOTE -u INCUS_PROJECT INCUS_DIR="$1/incus" INCUS_CONF="$1/conf" "${@:2}"
}

client() { # HOME ARGS…: incus as a user of that lab
  in_lab "$1" incus "${@:2}" </dev/null
}

launch_daemon() { # HOME
  local home=$1
  mkdir -p "$home/incus"
  if daemon_pid "$home" >/dev/null; then return; fi
  rm -f "$home/incus/unix.socket"
  # Descriptors 7 and 9 are this script's locks, which the daemon must not keep.
  if [ "$kind" = container ]; then
    load_container
    container_up
    # shellcheck disable=SC2016  # expanded inside
    "${engine[@]}" exec -d -e INCUS_DIR="$home/incus" "$container" sh -c \
      'exec /usr/libexec/incus/incusd --group incus-admin --logfile "$0/incusd.log" >>"$0/incusd.out" 2>&1' "$home" \
      </dev/null >/dev/null 7<&- 9>&-
  else
    local incusd options=()
    incusd=$(incusd_path) || die "incusd is not installed"
    getent group incus-admin >/dev/null && options+=(--group incus-admin)
    env -u INCUS_SOCKET -u INCUS_REMOTE -u INCUS_PROJECT -u INCUS_CONF INCUS_DIR="$home/incus" \
      setsid "$incusd" --logfile "$home/incusd.log" "${options[@]}" </dev/null >>"$home/incusd.out" 2>&1 3>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9>&- &
    disown
  fi
}

wait_ready() { # HOME
  local left=600
  until [ -S "$1/incus/unix.socket" ] && daemon_pid "$1" >/dev/null; do
    [ $((left -= 1)) -gt 0 ] || die "incusd did not start: $(tail -n 5 "$1/incusd.out" "$1/incusd.log" 2>&1)"
    sleep 0.05
  done
  quiet client "$1" admin waitready --timeout=60 || die "incusd is not ready after 60 s; see $1/incusd.log"
}

start_daemons() { # HOME…: of a cluster none may be ready before most of them run
  local home
  for home in "$@"; do launch_daemon "$home"; done
  for home in "$@"; do wait_ready "$home"; done
}

stop_daemon() { # HOME SIGNAL
  local pid
  pid=$(daemon_pid "$1") || return 0
  # SIGTERM leaves instances running (SIGPWR would stop them); operations may hold the daemon up.
  kill -s "$2" "$pid" 2>/dev/null || true
  if ! wait_gone "$pid" 15; then
    warn "incusd ($pid) does not end on SIG$2; killing it"
    kill -KILL "$pid" 2>/dev/null || true
    wait_gone "$pid" 5 || die "incusd ($pid) does not end"
  fi
  rm -f "$1/incus/unix.socket"
}

free_port() {
  local port tries
  for tries in {1..50}; do
    port=$((20000 + (RANDOM + tries) % 10000))
    if ! (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
      printf '%s\n' "$port"
      return
    fi
  done
  die "no free port on 127.0.0.1"
}

# A number that is neither in a bridge's name nor in an address here: bridge iblN, 10.231.N.1/24.
free_network() {
  local number tries
  for tries in {1..100}; do
    number=$(((RANDOM + tries) % 250 + 1))
    ip link show "ibl$number" >/dev/null 2>&1 && continue
    ip -4 -o addr show | grep -qF " 10.231.$number." && continue
    printf '%s\n' "$number"
    return
  done
  die "no free subnet in 10.231.0.0/16"
}
