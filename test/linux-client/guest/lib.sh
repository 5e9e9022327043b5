# Helpers for the suites, sourced by bash in the guest. A suite starts in an empty directory ($WORK) of the mount
# ($MNT). The files that it puts into $RESULTS are copied to the host. How to mount is in mounting.sh beside it.
. /run/job/mounting.sh
LC_PASS=0 LC_FAIL=0

now_ms() {
  local t=${EPOCHREALTIME/[.,]/}
  echo "$((t / 1000))"
}

# step NAME COMMAND...: runs the command in a subshell with its output in $RESULTS/NAME.log, and prints one line.
step() {
  local name=$1 log from rc took
  shift
  log=$RESULTS/${name//[^A-Za-z0-9._-]/_}.log
  from=$(now_ms)
  case $1 in
  remount) "$@" >"$log" 2>&1 </dev/null ;; # it changes the directory, so it needs this shell
  *) ("$@") >"$log" 2>&1 </dev/null ;;
  esac
  rc=$?
  took=$(($(now_ms) - from))
  took=$((took / 1000)).$((took % 1000 / 100))
  if [ $rc = 0 ]; then
    LC_PASS=$((LC_PASS + 1))
    echo "ok   $LC_SUITE: $name (${took}s)"
  else
    LC_FAIL=$((LC_FAIL + 1))
    echo "FAIL $LC_SUITE: $name: exit $rc (${took}s)"
    tail -n 12 "$log" | sed 's/^/     | /'
  fi
  echo "$LC_PASS $LC_FAIL" >"$RESULTS/totals"
  return $rc
}
totals() { [ "$LC_FAIL" = 0 ] && [ "$LC_PASS" -gt 0 ]; }

# want EXPECTED ACTUAL [WHAT]
want() {
  [ "$1" = "$2" ] && return
  echo "${3:-value}: expected '$1', got '$2'"
  return 1
}

# refuse MESSAGE COMMAND...: the command must fail with this message.
refuse() {
  local message=$1 out
  shift
  if out=$("$@" 2>&1); then
    echo "'$*' succeeded, expected: $message"
    return 1
  fi
  case $out in
  *"$message"*) return 0 ;;
  *)
    echo "'$*' failed with: $out; expected: $message"
    return 1
    ;;
  esac
}

# as UID:GID[:GROUP,GROUP...] COMMAND...
as() {
  local uid gid groups
  IFS=: read -r uid gid groups <<<"$1"
  shift
  if [ -n "$groups" ]; then groups=--groups=$groups; else groups=--clear-groups; fi
  setpriv --reuid "$uid" --regid "$gid" "$groups" "$@"
}

# Drops what the client has cached, so that it asks the server again.
fresh() {
  sync
  echo 3 >/proc/sys/vm/drop_caches
}
# there POINT: the suite's directory, seen through the mount at POINT.
there() { echo "$1/${WORK#"$MNT"/}"; }

# host WORDS...: the host runs run's --hook with these words. Returns its exit status when it is done.
host() {
  local status
  [ -n "$LC_HOOK" ] || {
    echo 'host: run has no --hook'
    return 125
  }
  echo "$*" >&7
  read -r -t 300 status <&8 || {
    echo "host: no answer to '$*'"
    return 124
  }
  [ "$status" = 0 ] || echo "host: '$*' gave status $status, see hook.log"
  return "${status:-125}"
}
export -f host
