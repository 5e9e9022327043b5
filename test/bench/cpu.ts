import { readFileSync } from 'node:fs';

const TICK_US = 10_000;

/** The processor time that a process and its threads have used so far, in µs. 0 without a process. */
export function cpuUs(pid: number | undefined): number {
  if (pid === undefined) return 0;
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) * TICK_US; // The fields utime and stime (proc(5)).
}
