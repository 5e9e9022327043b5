# How suites mount what they work on: the host does it.
remount() {
  cd /
  host remount && cd "$WORK"
}

# mount_at POINT [OPTIONS]: mounts the same once more. NFS's `nordirplus` is use-readdirp=no here.
mount_at() {
  mkdir -p "$1"
  host mount "$1" "${2/nordirplus/use-readdirp=no}"
}
