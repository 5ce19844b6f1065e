# shellcheck shell=bash
# What each kind of lab is made of. `dir` is the lab's folder.

up_host() {
  prepare_host
  start_daemons "$dir"
  fill "$dir"
}

prepare_host() {
  apt_need ip=iproute2 dnsmasq=dnsmasq-base nft=nftables mkfs.btrfs=btrfs-progs setfattr=attr unsquashfs=squashfs-tools \
    newuidmap=uidmap chattr=e2fsprogs
  # Debian 12's nft does not run on every kernel; Incus takes iptables then.
  (nft list tables || exit 1) >/dev/null 2>&1 || apt_need ip6tables=iptables
  install_incus_daemon
  need_subordinate_ids
}

# Pools, bridge, profile, image, listener, client.
fill() { # HOME
  local home=$1 port network
  port=$(free_port)
  network=$(free_network)
  in_lab "$home" incus admin init --preseed >&2 <<PRESEED
config:
  core.https_address: 127.0.0.1:$port
networks:
  - name: ibl$network
    type: bridge
    config:
      ipv4.address: 10.231.$network.1/24
      ipv4.nat: "false"
      ipv4.firewall: "false"
      ipv6.address: none
storage_pools:
  - name: default
    driver: dir
  - name: btrfs
    driver: btrfs
    config:
      size: $POOL_SIZE
profiles:
  - name: default
    devices:
      root:
        type: disk
        path: /
        pool: default
      eth0:
        type: nic
        name: eth0
        network: ibl$network
PRESEED
  add_image "$home"
  add_remote "$home" https
  cat >"$dir/env" <<ENV
LAB_HTTPS_REMOTE=https
LAB_HTTPS_URL=https://127.0.0.1:$port
LAB_POOL_DIR=default
LAB_POOL_BTRFS=btrfs
LAB_IMAGE=busybox
LAB_BRIDGE=ibl$network
ENV
}

add_image() { # HOME
  busybox_image "$1/busybox.tar.gz"
  client "$1" image import "$1/busybox.tar.gz" --alias busybox --quiet >&2
  rm "$1/busybox.tar.gz"
}

# A client certificate that the server trusts, and a remote with the server's pinned.
add_remote() { # HOME REMOTE
  local token
  token=$(client "$1" config trust add lab --quiet | tail -n 1)
  quiet client "$1" remote add "$2" "$token" --quiet
}

# --- container ----------------------------------------------------------------------------------

# The container shares the host's network, and the lab's folder at its own path: socket, bridge and
# ports are reached from here as those of a host lab are.
up_container() {
  apt_need ip=iproute2
  install_incus_client
  if ! find_engine || ! container_image "$(suite_of_series "$series")"; then die "no container: $no_container"; fi
  container=incus-backup-lab-$tree-$name
  printf 'engine=(%s)\nimage=%q\ncontainer=%q\n' "$(printf '%q ' "${engine[@]}")" "$image" "$container" >"$dir/container"
  start_daemons "$dir"
  fill "$dir"
}

load_container() {
  # shellcheck source=/dev/null
  . "$dir/container"
}

container_up() {
  container_start "$container" "$image" -v "$dir:$dir" || die "no container: $no_container"
  "${engine[@]}" exec "$container" sh -c 'for file in /etc/subuid /etc/subgid; do
    grep -qs ^root: $file || echo root:1000000:1000000000 >>$file; done'
}

# --- cluster ------------------------------------------------------------------------------------

# Members m1, m2, … on loopback. An unreachable one is called offline after 11 s, the shortest
# time there is.
up_cluster() {
  local number ports=() homes=() token
  prepare_host
  for number in $(seq "$members"); do
    mkdir -p "$dir/m$number"
    homes+=("$dir/m$number")
    ports+=("$(free_port)")
    # One client configuration for all members.
    mkdir -p "$dir/conf" && ln -s ../conf "$dir/m$number/conf"
  done
  start_daemons "${homes[@]}"
  in_lab "$dir/m1" incus admin init --preseed >&2 <<PRESEED
config:
  core.https_address: 127.0.0.1:${ports[0]}
storage_pools:
  - name: default
    driver: dir
profiles:
  - name: default
    devices:
      root:
        type: disk
        path: /
        pool: default
cluster:
  server_name: m1
  enabled: true
PRESEED
  for number in $(seq 2 "$members"); do
    token=$(client "$dir/m1" cluster add "m$number" --quiet | tail -n 1)
    in_lab "$dir/m$number" incus admin init --preseed >&2 <<PRESEED
cluster:
  server_name: m$number
  enabled: true
  server_address: 127.0.0.1:${ports[number - 1]}
  cluster_token: $token
  member_config: []
PRESEED
  done
  # Not in the preseed: 6.0.4 goes down when a server that is no cluster yet is told this.
  client "$dir/m1" config set cluster.offline_threshold 11
  add_image "$dir/m1"
  add_remote "$dir/m1" m1
  for number in $(seq 2 "$members"); do
    quiet client "$dir/m1" remote add "m$number" "https://127.0.0.1:${ports[number - 1]}" --accept-certificate --quiet
  done
  {
    printf 'LAB_HTTPS_REMOTE=m1\nLAB_HTTPS_URL=https://127.0.0.1:%s\n' "${ports[0]}"
    printf 'LAB_POOL_DIR=default\nLAB_IMAGE=busybox\nLAB_MEMBERS=%q\n' "$(seq -s " " -f m%g "$members")"
    printf 'LAB_STOP_MEMBER=%q\nLAB_START_MEMBER=%q\n' "$REPO/scripts/lab stop $name --member" "$REPO/scripts/lab start $name --member"
  } >"$dir/env"
}
