# shellcheck shell=bash
# The emulated host of scripts/lab-vm while it runs. Its folder `dir` has the client's configuration, the
# console's log, the process id and the seed; what it writes to its disk goes to a file without a name,
# so that it is gone with the process. `suite`, `vm_memory` and `vm_patience` are said by scripts/lab-vm.
# shellcheck disable=SC2154  # these

# The pools, and what is in them of the drivers' ways; a disk is small, because some copy all of it.
vm_preseed() {
  cat <<PRESEED
config:
  core.https_address: "[::]:8443"
networks:
  - name: lab
    type: bridge
    config:
      ipv4.address: none
      ipv6.address: none
storage_pools:
  - {name: default, driver: dir}
  - {name: btrfs, driver: btrfs, config: {size: 4GiB}}
  - {name: lvm, driver: lvm, config: {size: 4GiB, volume.size: 128MiB}}
  - {name: lvm-thick, driver: lvm, config: {size: 6GiB, lvm.use_thinpool: "false", volume.size: 128MiB}}
  - {name: zfs, driver: zfs, config: {size: 4GiB, volume.size: 128MiB}}
  - {name: zfs-block, driver: zfs, config: {size: 4GiB, volume.zfs.block_mode: "true", volume.size: 128MiB}}
profiles:
  - name: default
    devices:
      root: {type: disk, path: /, pool: default}
PRESEED
}

vm_pools='default btrfs lvm lvm-thick zfs zfs-block'

vm_client() { env -u INCUS_SOCKET -u INCUS_REMOTE -u INCUS_PROJECT INCUS_CONF="$dir/conf" incus "$@" </dev/null; }

vm_pid() { # of QEMU, if it runs
  local pid
  pid=$(cat "$dir/pid" 2>/dev/null) || return 1
  # Another process may have its number by now.
  grep -qazF -- "$dir/seed.tar" "/proc/$pid/cmdline" 2>/dev/null && printf '%s\n' "$pid"
}

vm_answers() {
  vm_pid >/dev/null && timeout 120 env -u INCUS_SOCKET -u INCUS_REMOTE INCUS_CONF="$dir/conf" \
    incus query /1.0 >/dev/null 2>&1 </dev/null
}

need_vm_tools() {
  local missing=()
  have qemu-system-x86_64 || missing+=(qemu-system-x86)
  have qemu-img || missing+=(qemu-utils)
  [ ${#missing[@]} -gt 0 ] || return 0
  is_debian || die "missing: ${missing[*]} (Debian package names); install them and run this again"
  say "installing ${missing[*]}"
  # Debian 12's own is too old to run machines in it.
  case $(codename) in
    bookworm) with_suite bookworm-backports "$(debian_mirror)" apt_run_backports "${missing[@]}" ;;
    *) apt_need qemu-system-x86_64=qemu-system-x86 qemu-img=qemu-utils ;;
  esac || die "could not install ${missing[*]}"
}

vm_seed() {
  local seed=$dir/seed
  mkdir -p "$seed"
  cp "$REPO/scripts/lib/vm-guest.sh" "$seed/"
  vm_preseed >"$seed/preseed.yaml"
  busybox_image "$seed/busybox.tar.gz"
  counter_image "$seed"
  quiet vm_client remote generate-certificate
  cp "$dir/conf/client.crt" "$seed/"
  tar -C "$seed" -cf "$dir/seed.tar" .
  rm -rf "$seed"
}

vm_boot() {
  local port begun=$SECONDS
  port=$(free_port)
  mkdir -p "$dir/conf"
  vm_seed
  # One thread for all: QEMU 10.0 crashes with more when a machine runs in it. The descriptor is a lock.
  TMPDIR=$dir setsid qemu-system-x86_64 -accel tcg,thread=single -cpu max -machine q35 -smp 1 -m "$vm_memory" \
    -display none -monitor none -serial "file:$dir/console.log" -no-reboot -pidfile "$dir/pid" \
    -kernel "$vm_files/vmlinuz" -initrd "$vm_files/initrd" \
    -append "console=ttyS0 root=/dev/vda rw init=/sbin/lab-init panic=-1 net.ifnames=0 apparmor=0 mitigations=off quiet" \
    -drive "file=$vm_files/root.img,format=raw,if=virtio,snapshot=on,cache=unsafe" \
    -drive "file=$dir/seed.tar,format=raw,if=virtio,readonly=on" \
    -nic "user,model=virtio-net-pci,restrict=on,hostfwd=tcp:127.0.0.1:$port-:8443" \
    </dev/null >"$dir/qemu.log" 2>&1 9>&- &
  disown
  say "booting the emulated host (Debian $suite, $vm_memory of memory); its console is $dir/console.log"
  until grep -qs 'lab-vm: ready' "$dir/console.log"; do
    [ $((SECONDS - begun)) -lt "$vm_patience" ] || vm_failed "it is not ready after $vm_patience s"
    if grep -qs 'lab-vm: failed' "$dir/console.log"; then vm_failed "it does not start"; fi
    [ $((SECONDS - begun)) -lt 5 ] || vm_pid >/dev/null || vm_failed "QEMU has ended: $(tail -n 3 "$dir/qemu.log")"
    sleep 1
  done
  quiet vm_client remote add emulated "https://127.0.0.1:$port" --accept-certificate --quiet
  quiet vm_client remote switch emulated
  {
    printf 'LAB_IMAGE=busybox\nLAB_BRIDGE=lab\nLAB_POOL_DIR=default\nLAB_POOL_BTRFS=btrfs\n'
    printf 'LAB_POOLS=%q\nLAB_MACHINE_IMAGE=counter\n' "$vm_pools"
  } >"$dir/env"
  # Asked once: who ends a run does not wait for what is slow or dead.
  vm_client version 2>/dev/null | sed -n 's/^Server version: //p' >"$dir/version"
  say "it is up after $((SECONDS - begun)) s: Incus $(cat "$dir/version")"
}

vm_failed() {
  tail -n 30 "$dir/console.log" >&2 2>/dev/null || true
  die "the emulated host: $*"
}

vm_env() {
  printf 'unset INCUS_SOCKET INCUS_REMOTE INCUS_PROJECT INCUS_DIR\n'
  printf 'export INCUS_CONF=%q\nexport INCUS_TESTS=1\n' "$dir/conf"
  sed 's/^/export /' "$dir/env"
}

vm_remove() {
  local pid left=100
  if pid=$(vm_pid); then
    kill -TERM "$pid" 2>/dev/null || true
    while [ -d "/proc/$pid" ]; do
      [ $((left -= 1)) -gt 0 ] || kill -KILL "$pid" 2>/dev/null || break
      sleep 0.1
    done
  fi
  rm -rf "$dir"
  rmdir "$(dirname "$dir")" 2>/dev/null || true
}
