# Runs the suites in /run/job/suites. It is sourced by what has mounted the directory that they work on, which has `mark`, to
# tell how far they are, and `hung`, to tell what is known of a suite that does not go on. The files in /results are kept.

# Ends when nothing was written to the results of a suite for the time given: a slow machine is no failure.
wait_for_silence() {
  local looks=0
  while [ -n "$(find "$RESULTS" -newermt "-$LC_TIMEOUT seconds" -print -quit)" ]; do
    sleep 1
    [ $((++looks % 30)) != 0 ] || mark ALIVE # for the host, which cannot see the results
  done
}

run_suite() { # NAME: 0 passed, 1 failed, 97 directory not removable, 124 timeout
  local name=$1 status suite clock first p f
  export RESULTS=/results/$name WORK=$MNT/lc-$name-$LC_ID LC_SUITE=$name
  mkdir -p "$RESULTS"
  mark "BEGIN $name"
  setsid bash -c '
    . /run/job/lib.sh
    mkdir "$WORK" && cd "$WORK" || { echo "FAIL mkdir $WORK"; exit 1; }
    . "/run/job/suites/$LC_SUITE"
    totals' &
  suite=$!
  wait_for_silence 7>&- 8<&- &
  clock=$!
  wait -n -p first "$suite" "$clock"
  status=$?
  if [ "$first" = "$clock" ]; then
    status=124
    echo "FAIL $name: no sign of life for $LC_TIMEOUT s"
    ps axo pid,stat,wchan:30,args >"$RESULTS/ps"
    grep -v '\[.*\]$' "$RESULTS/ps"
    hung
    kill -9 -- "-$suite"
  else
    kill "$clock" 2>/dev/null
    if [ $status = 0 ] && ! timeout "$LC_TIMEOUT" rm -rf "$WORK"; then
      echo "FAIL rm -rf $WORK"
      status=97
    fi
  fi
  cp /proc/self/mountstats "$RESULTS/mountstats" 2>/dev/null
  read -r p f 2>/dev/null <"$RESULTS/totals" || p=0 f=0
  # A suite that was not completed, or left something behind, failed even if each of its steps passed.
  if [ $status != 0 ] && { [ "$f" = 0 ] || [ $status = 124 ]; }; then f=$((f + 1)); fi
  echo "$p $f" >"$RESULTS/totals"
  echo "$name: passed $p, failed $f"
  mark "END $name $status"
  return $status
}

run_suites() { # the worst status of all; 124 if what is mounted does not answer any more
  local name status worst=0
  for name in $LC_SUITES; do
    run_suite "$name"
    status=$?
    [ $status -le $worst ] || worst=$status
    # After a timeout the mount may be dead, and the remaining suites would only wait as well.
    if [ $status = 124 ] && ! timeout 20 stat -t "$MNT/." >/dev/null; then return 124; fi
  done
  [ $worst != 124 ] || worst=1
  return $worst
}
