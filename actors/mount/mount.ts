import { joinMountPath, splitMountPath } from '#src/xlators/nfs/server/mount/mount-path.ts';
import type { MountCall, Mounted } from '#src/xlators/nfs/server/mount/mount-call.ts';
import { errnoOf } from '#src/errno.ts';
import { fromWire } from '#src/wire-text.ts';
import { failureOf, type MountFailure } from './status.ts';

/**
 * Does what MNT does in all versions: finds the directory that the client asks for and enters the mount in the mount
 * table. `refuse` may throw an FsError before that.
 */
export async function mountDirectory(
  mount: MountCall,
  asked: string,
  refuse: (mounted: Mounted) => void = () => {},
): Promise<Mounted | MountFailure> {
  try {
    const path = joinMountPath(splitMountPath(asked));
    const mounted = await mountedWhenUp(mount, path);
    refuse(mounted);
    const { address, transport } = mount.call.peer;
    mount.mounts.add(address, path, transport === 'udp');
    mount.log.info({ client: address, path: fromWire(path) }, 'mounted');
    return mounted;
  } catch (error) {
    return failureOf(mount, asked, error);
  }
}

const AGAIN_MS = 500;
/**
 * How long a call waits for what cannot be mounted now. Linux takes each status for final, also when it mounts in the
 * background (`bg`), and it tries again after its own timeout: over TCP that is three minutes.
 */
const WAIT_MS = { tcp: 300_000, udp: 30_000 } as const;
const WAITING_MAX = 256;
const WAITING_OF_CLIENT_MAX = 16;
/** How many calls wait, by the address of the client. */
const waiting = new Map<string, number>();
let waitingInAll = 0;

/** Finds the directory that the client asks for. If its volume is down, or the caller's rights are not known yet, it waits. */
async function mountedWhenUp(mount: MountCall, path: string): Promise<Mounted> {
  const { signal, transport, address } = mount.call.peer;
  const { ending } = mount;
  for (let waited = 0; ; waited += AGAIN_MS) {
    try {
      return await mount.mount(path);
    } catch (error) {
      const code = errnoOf(error);
      const isLater = code === 'EJUKEBOX' || code === 'ENOTCONN';
      const isOver = signal.aborted || ending.aborted || waited >= WAIT_MS[transport] || !mayWait(address);
      if (!isLater || isOver) throw error;
      if (waited === 0)
        mount.log.info({ client: address, path: fromWire(path), why: (error as Error).message }, 'a mount waits');
    }
    count(address, 1);
    await pause(signal, ending).finally(() => count(address, -1));
  }
}

const mayWait = (address: string): boolean =>
  waitingInAll < WAITING_MAX && (waiting.get(address) ?? 0) < WAITING_OF_CLIENT_MAX;

function count(address: string, by: 1 | -1): void {
  waitingInAll += by;
  const now = (waiting.get(address) ?? 0) + by;
  if (now === 0) waiting.delete(address);
  else waiting.set(address, now);
}

/** Waits until it is time to ask again, or one of the signals is aborted. */
function pause(...signals: readonly AbortSignal[]): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const end = () => resolve();
  const timer = setTimeout(end, AGAIN_MS);
  for (const signal of signals) signal.addEventListener('abort', end);
  return promise.finally(() => {
    clearTimeout(timer);
    for (const signal of signals) signal.removeEventListener('abort', end);
  });
}
