/** What a run begins with, and how everything is removed at its end. */
import { join } from 'node:path';
import { MNT3 } from '#protocols/mount.ts';
import { nfsstat3 as S } from '#protocols/nfs3/constants.ts';
import { holds } from '../../soak/model/answer.ts';
import type { Tally } from '../../soak/model/caller.ts';
import { homeFor } from '../../soak/model/ground.ts';
import { authSys } from '../../soak/model/line.ts';
import { Random } from '../../soak/model/random.ts';
import { Tree } from '../../soak/model/tree.ts';
import type { User } from '../../soak/model/worker.ts';
import { MOUNT3, NFS3 } from '../../soak/procedures.ts';
import { RetryCounts, RetryingLine } from '../lossy/line.ts';
import { type Retries, SurvivingCaller } from './caller.ts';
import { emptyDirectory, fillDirectory, Lister, type Listings } from './lister.ts';
import type { Lives } from './lives.ts';
import type { Verifiers } from './verifiers.ts';
import { type Rewrites, SurvivingWorker } from './worker.ts';

export interface Counts {
  readonly tally: Tally;
  readonly retries: Retries;
  readonly rewrites: Rewrites;
  readonly listings: Listings;
}

/** The number of addresses of this machine that calls come from. The stages share these clients among them. */
const CLIENTS = 6;
const WORKERS_EACH = 4;
const LISTERS = 3;
const STAYING = 1000;
const USERS: readonly User[] = [
  { uid: 0, gid: 0 },
  { uid: 1000, gid: 1000 },
  { uid: 2000, gid: 3000 },
];
/** On one connection no call is sent again, so that a server that does not answer is noticed. */
const RESENDING = { timeoutMs: 120_000, timeoutMsMax: 120_000, reconnectMs: 20, triesMax: Infinity };

export interface Settled {
  readonly lines: readonly RetryingLine[];
  readonly workers: readonly SurvivingWorker[];
  readonly listers: readonly Lister[];
  /** A caller for each line that acts as root. */
  readonly roots: readonly SurvivingCaller[];
  readonly top: Buffer;
  readonly listed: { readonly handle: Buffer; readonly names: ReadonlyMap<string, bigint> };
}

const homeName = (n: number): string => `home-${n}`;
const LISTED = 'listed';
/** The path of the home directory of worker number `n`. */
export const homePath = (dir: string, n: number): string => join(dir, homeName(n));

export async function settle(
  dir: string,
  lives: Lives,
  counts: Counts,
  verifiers: Verifiers,
  random: Random,
): Promise<Settled> {
  const asRoot = process.geteuid!() === 0;
  const self = { uid: process.geteuid!(), gid: process.getegid!() };
  const reconnects = new RetryCounts();
  const lines = Array.from({ length: CLIENTS }, (_, i) => {
    return new RetryingLine({ port: lives.port, from: `127.0.0.${i + 1}` }, reconnects, RESENDING);
  });
  const caller = (n: number, { uid, gid }: User) => {
    const own = new Random(random.below(0x1_0000_0000));
    return new SurvivingCaller(lines[n % CLIENTS]!, authSys(uid, gid), own, counts.tally, lives, counts.retries);
  };
  const root = caller(0, asRoot ? USERS[0]! : self);
  const mounted = await root.call(MOUNT3.MNT, dir);
  holds(mounted.fhs_status === MNT3.OK, `MNT ${dir}: status ${mounted.fhs_status}`);
  const top = Buffer.from(mounted.fhandle);

  const workers = await Promise.all(
    Array.from({ length: CLIENTS * WORKERS_EACH }, async (_, n) => {
      const user = asRoot ? USERS[n % USERS.length]! : self;
      const who = caller(n, user);
      const home = await homeFor(caller(n, asRoot ? USERS[0]! : self), top, homeName(n), user, asRoot);
      return new SurvivingWorker(who, new Tree(home, who.random), user, asRoot, verifiers, counts.rewrites);
    }),
  );
  const { handle } = await homeFor(root, top, LISTED, asRoot ? USERS[0]! : self, asRoot);
  const names = await fillDirectory(root, handle, STAYING);
  const listers = Array.from({ length: LISTERS }, (_, n) => {
    return new Lister(caller(0, asRoot ? USERS[0]! : self), handle, names, counts.listings, n);
  });
  const roots = lines.map((_, n) => caller(n, asRoot ? USERS[0]! : self));
  return { lines, workers, listers, roots, top, listed: { handle, names } };
}

/**
 * Removes everything that was made, through the server, and each directory over the line that it was used over, because
 * another stage keeps what it knows open for a while. @throws {Mismatch}
 */
export async function clearAway({ workers, listers, roots, top, listed }: Settled): Promise<void> {
  await Promise.all([
    ...workers.map(worker => worker.clear()),
    ...listers.map(lister => lister.clear()),
    emptyDirectory(roots[0]!, listed.handle, listed.names.keys()),
  ]);
  for (const [n, name] of [LISTED, ...workers.map((_, n) => homeName(n))].entries()) {
    const root = roots[n === 0 ? 0 : (n - 1) % CLIENTS]!;
    await root.expect(NFS3.RMDIR, { object: { dir: top, name } }, S.NFS3_OK);
  }
}
