/** The ports that a process listens on, read from /proc. */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

const LISTEN = '0A'; // TCP_LISTEN, include/net/tcp_states.h

/**
 * The TCP ports that process `pid` listens on, in ascending order, including a debugger's. Empty if the process has
 * ended.
 */
export function listeningPorts(pid: number): number[] {
  const own = socketsOf(pid);
  const ports = ['tcp', 'tcp6'].flatMap(table =>
    readFileSync(`/proc/net/${table}`, 'latin1')
      .split('\n')
      .slice(1)
      .map(line => line.trim().split(/\s+/))
      .filter(([, , , state, , , , , , inode]) => state === LISTEN && own.has(inode!))
      .map(([, local]) => Number.parseInt(local!.split(':')[1]!, 16)),
  );
  return ports.sort((a, b) => a - b);
}

function socketsOf(pid: number): Set<string> {
  try {
    const links = readdirSync(`/proc/${pid}/fd`).map(fd => linkOf(`/proc/${pid}/fd/${fd}`));
    return new Set(links.map(link => /^socket:\[(\d+)\]$/.exec(link)?.[1] ?? ''));
  } catch {
    return new Set();
  }
}

function linkOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return ''; // It was closed in the meantime.
  }
}
