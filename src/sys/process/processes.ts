/** Reads what the kernel reports about processes. */
import { readFileSync, readlinkSync } from 'node:fs';

/** Names the pid namespace of this process: numbers of processes mean something only within one. */
export function pidNamespace(): string {
  try {
    return readlinkSync('/proc/self/ns/pid');
  } catch {
    return '';
  }
}

/** Whether there is a process with that number, of any user. */
export function isProcess(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** The ticks per second in /proc, on all machines that are known. */
const TICKS = 100;
/** The field of /proc/PID/stat that holds the start, counted from the one behind the name. */
const START_FIELD = 19;

/** When the process was started, in milliseconds since 1970, to the second; `undefined` if there is none. */
export function startOf(pid: number): number | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    const [, boot] = /^btime (\d+)$/m.exec(readFileSync('/proc/stat', 'latin1'))!;
    const ticks = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[START_FIELD];
    return Number(boot) * 1000 + (Number(ticks) * 1000) / TICKS;
  } catch {
    return undefined;
  }
}
