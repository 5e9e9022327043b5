# How suites mount what they work on: as NFS.
remount() {
  cd /
  umount "$MNT" && mount -t nfs -o "$LC_OPTIONS" "$LC_SOURCE" "$MNT" && cd "$WORK"
}

# mount_at POINT [OPTIONS]: mounts the export once more, with caches of its own.
mount_at() {
  mkdir -p "$1"
  timeout 60 mount -t nfs -o "$LC_OPTIONS,nosharecache${2:+,$2}" "$LC_SOURCE" "$1"
}

# Starts what mount.nfs needs when nolock is not given.
start_statd() {
  modprobe lockd
  mkdir -p /run/rpcbind /run/sendsigs.omit.d
  chown _rpc: /run/rpcbind
  pidof rpcbind >/dev/null || rpcbind || return
  pidof rpc.statd >/dev/null || rpc.statd --no-notify
}
