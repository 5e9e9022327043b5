/** The frame around every NFS3 actor: the handle is made out before it, failures become the RFC's failure arms after. */
import { nfsstat3 } from '#protocols/nfs3/constants.ts';
import type { Failure } from '#protocols/nfs3/types.ts';
import type { Codec } from '#protocols/xdr/codec.ts';
import { errnoOf, FsError } from '#src/errno.ts';
import { FopError } from '#src/graph/fops.ts';
import type { Actor } from '#src/rpcsvc/actor.ts';
import type { NfsCall, Resolved } from '#src/xlators/nfs/server/nfs-call.ts';
import { statusOf } from './status.ts';

export interface Nfs3Actor<Args, Res> {
  readonly name: string;
  readonly args: Codec<Args>;
  readonly res: Codec<Res>;
  /** See {@link Actor.idempotent}. */
  readonly idempotent: boolean;
  readonly minAuth?: number;
  /** See {@link Actor.replyBytes}. */
  readonly replyBytes?: (args: Args) => number;
  /** It changes what the handle stands for: an export that is read-only refuses. */
  readonly changes: boolean;
  /** Whether the call is about a name in the directory that the handle stands for: see {@link confine}. */
  readonly names?: boolean;
  /** The handle that the call is about. */
  handle(args: Args): Buffer;
  /** What happens when all goes well; failures are thrown, with an errno or as a StatusError. */
  run(nfs: NfsCall, at: Resolved, args: Args): Promise<Res>;
  /** See {@link Actor.repeats}. A thrown failure means no, except ESTALE, which means that the object is gone since. */
  repeats?(nfs: NfsCall, at: Resolved, args: Args, earlier: Res): Promise<boolean>;
  /** The failure arm. `at` is absent when the handle could not be made out. It must not fail itself. */
  failed(nfs: NfsCall, status: Failure, at: Resolved | undefined, error: unknown, args: Args): Promise<Res> | Res;
}

export function nfs3Actor<Args, Res>(actor: Nfs3Actor<Args, Res>): Actor<NfsCall, Args, Res> {
  const { name, args, res, idempotent, changes, names, minAuth, replyBytes } = actor;
  return {
    name,
    args,
    res,
    idempotent,
    ...(minAuth !== undefined && { minAuth }),
    ...(actor.repeats !== undefined && {
      repeats: (nfs: NfsCall, args: Args, earlier: Res) => repeats(actor, nfs, args, earlier),
    }),
    ...(replyBytes !== undefined && { replyBytes }),
    async run(nfs, args) {
      let at: Resolved | undefined;
      try {
        const handle = actor.handle(args);
        const found = changes ? nfs.resolveForChange(handle) : nfs.resolve(handle);
        at = found instanceof Promise ? await found : found;
        at.volume.table.ref(at.inode);
        if (names && at.exportId !== 0) await confine(nfs, at);
        return await actor.run(nfs, at, args);
      } catch (error) {
        return await failure(actor, nfs, at, args, error);
      } finally {
        at?.volume.table.unref(at.inode);
      }
    },
  };
}

async function repeats<Args, Res>(
  actor: Nfs3Actor<Args, Res>,
  nfs: NfsCall,
  args: Args,
  earlier: Res,
): Promise<boolean> {
  try {
    const at = await nfs.resolve(actor.handle(args));
    return await using(at, () => actor.repeats!(nfs, at, args, earlier));
  } catch (error) {
    if (statusOf(error) === undefined) throw error;
    // The object was removed since, so running the call again could not change anything.
    return errnoOf(error) === 'ESTALE';
  }
}

async function failure<Args, Res>(
  actor: Nfs3Actor<Args, Res>,
  nfs: NfsCall,
  at: Resolved | undefined,
  args: Args,
  error: unknown,
): Promise<Res> {
  const status = statusOf(error);
  if (status === undefined) {
    const { xid, peer } = nfs.call;
    nfs.log.error({ err: error, procedure: actor.name, xid, client: peer.address }, 'a bug: NFS3ERR_SERVERFAULT');
  }
  if (at !== undefined && !(error instanceof FopError) && (await isGone(at))) {
    return actor.failed(nfs, nfsstat3.NFS3ERR_STALE, undefined, error, args);
  }
  // What a read-only export refuses to change, it still shows.
  const shown = at ?? (errnoOf(error) === 'EROFS' ? await resolveQuietly(nfs, actor.handle(args)) : undefined);
  return actor.failed(nfs, status ?? nfsstat3.NFS3ERR_SERVERFAULT, shown, error, args);
}

/** What was refused by its type or by a name alone may be gone: the inode table does not know, and STALE comes first. */
async function isGone({ volume, frame, inode }: Resolved): Promise<boolean> {
  try {
    await volume.top.stat(frame, inode);
    return false;
  } catch (error) {
    return errnoOf(error) === 'ESTALE';
  }
}

/**
 * Lets a call look up, make, move or remove a name only if its directory is in the export of its handle now. The handle
 * of a directory that was moved out of the export stays valid, as with knfsd's no_subtree_check, but nothing can be
 * reached from it.
 * @throws {FsError} ESTALE, as with knfsd's subtree_check
 */
export async function confine(nfs: NfsCall, at: Resolved): Promise<void> {
  if ((await nfs.locate(at)) === 'outside') throw new FsError('ESTALE', 'the directory is no longer in the export');
}

/** Resolves the directory of a call's second handle, in which the call changes a name. */
export async function secondDirectory(nfs: NfsCall, handle: Buffer): Promise<Resolved> {
  const dir = await nfs.resolveForChange(handle);
  if (dir.exportId !== 0) await using(dir, () => confine(nfs, dir));
  return dir;
}

/** Refuses RENAME and LINK from one export to another, as knfsd does; a client then copies. */
export function checkSameExport(one: Resolved, other: Resolved): void {
  if (one.volume === other.volume && one.exportId === other.exportId) return;
  throw new FsError('EXDEV', 'from one export to another');
}

/** For calls about two objects: the second one is in use while `work` runs, as the first is while the actor does. */
export async function using<T>({ volume, inode }: Resolved, work: () => Promise<T>): Promise<T> {
  volume.table.ref(inode);
  try {
    return await work();
  } finally {
    volume.table.unref(inode);
  }
}

/** For failure arms: the object of a handle, if it can be had. */
export async function resolveQuietly(nfs: NfsCall, handle: Buffer): Promise<Resolved | undefined> {
  try {
    return await nfs.resolve(handle);
  } catch {
    return undefined;
  }
}
