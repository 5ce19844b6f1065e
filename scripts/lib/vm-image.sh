# shellcheck shell=bash
# The disk image of the emulated host: a Debian with Incus, its drivers and QEMU. It is built once and kept
# in .cache/vm; what runs in it (vm-guest.sh) comes with each start.

vm_packages=(incus-base incus-client uidmap dnsmasq-base nftables iproute2 btrfs-progs e2fsprogs lvm2
  thin-provisioning-tools xfsprogs procps attr zstd squashfs-tools ca-certificates
  linux-image-cloud-amd64 initramfs-tools udev kmod
  qemu-system-x86 qemu-system-modules-spice qemu-utils ovmf seabios genisoimage swtpm)
# Built for that kernel when it is installed, which takes some minutes.
vm_zfs_packages=(linux-headers-cloud-amd64 zfs-dkms zfsutils-linux)
vm_disk=20G

# vm_image SUITE: sets vm_files, the folder with root.img, vmlinuz and initrd, which are built when they
# are not there. `running` is what is to be stopped, a process or (negative) a group, when the caller ends.
vm_image() {
  local suite=$1
  vm_files=$CACHE/vm/$suite-$(vm_image_id)
  mkdir -p "$CACHE/vm"
  # Two runs that share a cache build it once.
  exec 8>"$CACHE/vm/.$suite.lock"
  flock 8
  if [ ! -e "$vm_files/root.img" ]; then build_vm_image "$suite"; fi
  exec 8>&-
}

# What was built of the same list and by the same functions is the same.
vm_image_id() {
  { printf '%s ' "$vm_disk" "${vm_packages[@]}" "${vm_zfs_packages[@]}" && declare -f fill_vm_root vm_start; } |
    sha256sum | cut -c1-8
}

build_vm_image() { # SUITE
  local suite=$1 log=$CACHE/vm/$1.log building status=0
  step "building the emulated host ($suite): about ten minutes, once; the log is $log"
  apt_need debootstrap=debootstrap mkfs.ext4=e2fsprogs
  building=$(mktemp -d -p "$CACHE/vm" "building-$suite.XXXXXX")
  # A group of processes of its own: whoever stops it stops all of it, and it clears up after itself.
  set -m
  (
    set +m -e
    trap 'umount -l "$building/root/proc" 2>/dev/null || true; rm -rf --one-file-system "$building"' EXIT
    trap 'exit 130' INT TERM
    fill_vm_root "$suite" "$building/root"
    pack_vm_image "$building/root" "$building/files"
    rm -rf "$vm_files"
    mv "$building/files" "$vm_files"
  ) >"$log" 2>&1 </dev/null &
  set +m
  running=-$!
  wait "${running#-}" || status=$?
  running=''
  [ "$status" -eq 0 ] || die "the emulated host cannot be built, see $log: $(tail -n 1 "$log")"
  say "built: $(du -sh "$vm_files" | cut -f1) in $vm_files"
}

pack_vm_image() { # ROOT FOLDER
  mkdir "$2"
  cp -L "$1"/boot/vmlinuz-* "$2/vmlinuz"
  cp -L "$1"/boot/initrd.img-* "$2/initrd"
  mkfs.ext4 -q -L root -d "$1" "$2/root.img" "$vm_disk"
}

fill_vm_root() { # SUITE ROOT
  local suite=$1 root=$2
  debootstrap --variant=minbase --components=main,contrib "$suite" "$root" "$(debian_mirror)"
  # What this machine needs to reach the archive, such as a proxy, the image needs too.
  apt-config dump Acquire >"$root/etc/apt/apt.conf.d/00as-on-the-host"
  printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d" && chmod 755 "$root/usr/sbin/policy-rc.d"
  cp -L /etc/resolv.conf "$root/etc/resolv.conf" || true
  mount -t proc proc "$root/proc"
  inside_vm_root "$root" apt-get -q update
  inside_vm_root "$root" apt-get -q install -y --no-install-recommends "${vm_packages[@]}"
  inside_vm_root "$root" apt-get -q install -y --no-install-recommends "${vm_zfs_packages[@]}"
  printf '%s\n' virtio_blk virtio_pci virtio_net ext4 >>"$root/etc/initramfs-tools/modules"
  inside_vm_root "$root" update-initramfs -u -k all
  inside_vm_root "$root" apt-get clean
  rm -rf "$root"/var/lib/apt/lists/*
  umount "$root/proc"
  vm_start >"$root/sbin/lab-init" && chmod 755 "$root/sbin/lab-init"
}

inside_vm_root() { # ROOT COMMAND…
  chroot "$1" env DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8 "${@:2}"
}

# The first program in the emulated host: all else comes with the seed.
vm_start() {
  cat <<'START'
#!/bin/bash
export PATH=/usr/sbin:/usr/bin:/sbin:/bin
mountpoint -q /proc || mount -t proc proc /proc
mountpoint -q /sys || mount -t sysfs sysfs /sys
mountpoint -q /dev || mount -t devtmpfs devtmpfs /dev
mountpoint -q /run || mount -t tmpfs -o mode=755 tmpfs /run
mkdir /run/seed && tar -C /run/seed -xf /dev/vdb && exec /bin/bash /run/seed/vm-guest.sh
echo "lab-vm: failed: no seed"
sleep 2
echo o >/proc/sysrq-trigger
START
}
