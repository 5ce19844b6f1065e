# shellcheck shell=bash
# The image that the labs and the demo use.

# Prints the path of a static busybox. The package is unpacked, not installed, where there is none:
# installing it would remove the dynamic one that an initramfs may be using.
static_busybox() {
  local path=/bin/busybox cached=$CACHE/busybox/bin/busybox scratch
  if [ -x "$path" ] && ! ldd "$path" >/dev/null 2>&1; then
    printf '%s\n' "$path"
    return
  fi
  if [ ! -x "$cached" ]; then
    is_debian || die "a static busybox is needed at /bin/busybox"
    scratch=$(mktemp -d)
    # The archive's own user writes it.
    chmod 755 "$scratch"
    chown _apt "$scratch" 2>/dev/null || true
    (cd "$scratch" && apt_run download busybox-static) || {
      apt_update_once
      (cd "$scratch" && apt_run download busybox-static) || die "could not fetch busybox-static"
    }
    dpkg-deb -x "$scratch"/busybox-static_*.deb "$scratch/root"
    mkdir -p "$CACHE/busybox/bin"
    # Beside the program the package has a hook of the same name.
    cp "$(find "$scratch/root" -type f -path '*/bin/busybox')" "$cached"
    rm -rf "$scratch"
  fi
  printf '%s\n' "$cached"
}

# busybox_image FILE: an Incus image of 1 MB whose containers start at once. No server is asked.
busybox_image() {
  local file=$1 busybox root applet
  busybox=$(static_busybox)
  root=$(mktemp -d)
  mkdir -p "$root"/rootfs/{bin,dev,etc,home,mnt,proc,root,run,sbin,sys,tmp,usr/bin,usr/sbin,var/lib,var/log}
  chmod 1777 "$root/rootfs/tmp"
  cp "$busybox" "$root/rootfs/bin/busybox"
  chmod 755 "$root/rootfs/bin/busybox"
  for applet in $("$busybox" --list); do
    [ "$applet" = busybox ] || ln -s busybox "$root/rootfs/bin/$applet"
  done
  ln -s ../bin/busybox "$root/rootfs/sbin/init"
  cat >"$root/rootfs/etc/inittab" <<'INITTAB'
::sysinit:/bin/mount -t proc proc /proc
::respawn:/bin/sleep 3600
::ctrlaltdel:/bin/halt
::shutdown:/bin/true
INITTAB
  printf 'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n' >"$root/rootfs/etc/passwd"
  printf 'root:x:0:\nnogroup:x:65534:\n' >"$root/rootfs/etc/group"
  : >"$root/rootfs/etc/resolv.conf"
  cat >"$root/metadata.yaml" <<METADATA
architecture: $(uname -m)
creation_date: 1700000000
properties:
  architecture: $(uname -m)
  description: busybox, all applets, for tests
  os: busybox
  release: static
METADATA
  tar -C "$root" --owner=0 --group=0 --numeric-owner -czf "$file" metadata.yaml rootfs
  rm -rf "$root"
}
