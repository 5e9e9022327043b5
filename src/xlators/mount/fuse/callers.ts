/** The rights of the processes that use the mount. */
import { readFileSync } from 'node:fs';
import { identityOf } from '../../../graph/identity.ts';
import type { Identity } from '../../../graph/frame.ts';
import { asRoot, canSwitch } from '../../../sys/process/identity.ts';

/** How long the groups of a process are used. */
const FRESH_MS = 1000;
const KEPT_MAX = 1024;

interface Known {
  readonly identity: Identity;
  readonly untilMs: number;
}

/** Reads the supplementary groups of a thread; none if it cannot be seen from here, or has ended. */
function groupsOfThread(pid: number): number[] {
  asRoot(); // where processes are hidden from other users
  try {
    const [, groups = ''] = /^Groups:\s*(.*)$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1')) ?? [];
    return groups.split(' ').filter(Boolean).map(Number);
  } catch {
    return [];
  }
}

/** Finds the identities of callers. A request names the ids of its caller, but not its supplementary groups. */
export class Callers {
  readonly #known = new Map<number, Known>();

  /** The caller with its supplementary groups, which the kernel tells of the thread `pid`. */
  of(uid: number, gid: number, pid: number): Identity {
    // Root's rights depend on no groups, and without switching ids the server's own are used.
    if (uid === 0 || pid === 0 || !canSwitch) return identityOf(uid, gid);
    const now = performance.now();
    const known = this.#known.get(pid);
    if (known !== undefined && now < known.untilMs && known.identity.uid === uid && known.identity.gid === gid) {
      return known.identity;
    }
    const identity = identityOf(uid, gid, groupsOfThread(pid));
    if (this.#known.size >= KEPT_MAX) this.#known.clear();
    this.#known.set(pid, { identity, untilMs: now + FRESH_MS });
    return identity;
  }
}
