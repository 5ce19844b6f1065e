#!/bin/bash
# The init of the emulated host of scripts/lab-vm. It is not part of the image: each start takes it, and
# what else is in the seed, from the second disk.
set -u
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export PATH HOME=/root LC_ALL=C.UTF-8
seed=/run/seed

failed() {
  echo "lab-vm: failed: $*"
  tail -n 20 /var/log/incus/incusd.log /var/log/incus/incusd.out 2>/dev/null
  poweroff -f
}

mount -t devpts devpts /dev/pts 2>/dev/null || { mkdir -p /dev/pts && mount -t devpts devpts /dev/pts; }
mkdir -p /dev/shm && mount -t tmpfs tmpfs /dev/shm
mount -t cgroup2 cgroup2 /sys/fs/cgroup
mkdir -p /run/incus /run/lock /run/lvm /var/lib/incus /var/log/incus
hostname emulated
for module in kvm-amd kvm-intel vhost_vsock dm-thin-pool dm-snapshot btrfs loop; do modprobe -q "$module"; done
# The cache of ZFS is not to take the memory of what is tested.
modprobe zfs zfs_arc_max=268435456 || echo "lab-vm: no ZFS"
/usr/lib/systemd/systemd-udevd --daemon
udevadm trigger --action=add && udevadm settle --timeout=60
ip link set lo up
ip address add 10.0.2.15/24 dev eth0 && ip link set eth0 up && ip route add default via 10.0.2.2
for file in /etc/subuid /etc/subgid; do echo root:1000000:1000000000 >"$file"; done
echo "lab-vm: starting incusd"
/usr/libexec/incus/incusd --group incus-admin --logfile /var/log/incus/incusd.log </dev/null >/var/log/incus/incusd.out 2>&1 &
incus admin waitready --timeout=300 || failed "incusd does not become ready"
incus admin init --preseed <"$seed/preseed.yaml" || failed "incusd does not take the preseed"
incus image import "$seed/busybox.tar.gz" --alias busybox || failed "no image of a container"
incus image import "$seed/counter.tar.gz" "$seed/counter.qcow2" --alias counter || failed "no image of a machine"
# Last: who is trusted may begin.
incus config trust add-certificate "$seed/client.crt" || failed "no client"
echo "lab-vm: ready"
# What dies in it is buried here.
while :; do
  wait -n 2>/dev/null || sleep 1
done
