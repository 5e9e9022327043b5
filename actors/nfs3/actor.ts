/**
 * The frame around every NFS3 actor: before the actor runs, the call's handle is resolved; after it, a failure becomes
 * the failure arm of the RFC's result.
 */
import { nfsstat3 } from '#protocols/nfs3/constants.ts';
import type { Failure } from '#protocols/nfs3/types.ts';
import type { Codec } from '#protocols/xdr/codec.ts';
import { errnoOf, FsError } from '#src/errno.ts';
import type { Actor } from '#src/rpcsvc/actor.ts';
import type { NfsCall, Resolved } from '#src/xlators/nfs/server/nfs-call.ts';
import { statusOf } from './status.ts';
import { isUnasked, UnaskedError } from './unasked.ts';

export interface Nfs3Actor<Args, Res> {
  readonly name: string;
  readonly args: Codec<Args>;
  readonly res: Codec<Res>;
  /** See {@link Actor.idempotent}. */
  readonly idempotent: boolean;
  readonly minAuth?: number;
  /** See {@link Actor.replyBytes}. */
  readonly replyBytes?: (args: Args) => number;
  /** The call changes the object of the handle, so a read-only export refuses it. `only`: it changes nothing else. */
  readonly changes: boolean | 'only';
  /** The call is about a name in the directory of the handle: see {@link confine}. */
  readonly names?: boolean;
  /** The handle that the call is about. */
  handle(args: Args): Buffer;
  /** Does what the call asks for. It is an async function; what it throws has an errno or is a StatusError. */
  run(nfs: NfsCall, at: Resolved, args: Args): Promise<Res>;
  /** See {@link Actor.repeats}. A thrown failure means no, except ESTALE: the object has been removed since. */
  repeats?(nfs: NfsCall, at: Resolved, args: Args, earlier: Res): Promise<boolean>;
  /** Makes the failure arm. `at` is absent if the handle could not be resolved. It must not fail itself. */
  failed(nfs: NfsCall, status: Failure, at: Resolved | undefined, error: unknown, args: Args): Promise<Res> | Res;
}

export function nfs3Actor<Args, Res>(actor: Nfs3Actor<Args, Res>): Actor<NfsCall, Args, Res> {
  const { name, args, res, idempotent, changes, minAuth, replyBytes } = actor;
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
    run(nfs, args) {
      try {
        const handle = actor.handle(args);
        const found = changes ? nfs.resolveForChange(handle) : nfs.resolve(handle);
        if (!(found instanceof Promise)) return runAt(actor, nfs, found, args);
        return found.then(
          at => runAt(actor, nfs, at, args),
          error => failure(actor, nfs, undefined, args, error),
        );
      } catch (error) {
        return failure(actor, nfs, undefined, args, error);
      }
    },
  };
}

/**
 * Runs the actor and keeps the inode in use meanwhile. This is no async function: awaiting the actor's own promise in
 * one would add a tenth to the CPU time that GETATTR spends above the brick.
 */
function runAt<Args, Res>(actor: Nfs3Actor<Args, Res>, nfs: NfsCall, at: Resolved, args: Args): Promise<Res> {
  const { volume, inode } = at;
  volume.table.ref(inode);
  const confined = actor.names && at.exportId !== 0;
  const result = confined ? confine(nfs, at).then(() => actor.run(nfs, at, args)) : actor.run(nfs, at, args);
  return result.then(
    res => {
      noteChange(actor, at);
      volume.table.unref(inode);
      return res;
    },
    error => {
      noteChange(actor, at); // a part of it may have been done
      return failure(actor, nfs, at, args, error).finally(() => volume.table.unref(inode));
    },
  );
}

function noteChange<Args, Res>({ changes }: Nfs3Actor<Args, Res>, { volume, inode }: Resolved): void {
  if (changes) volume.ahead.changed(changes === 'only' ? inode.gfid : undefined);
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
  // STALE takes precedence over what the actor finds wrong with the arguments.
  if (at !== undefined && isUnasked(error) && (await isGone(at))) {
    return actor.failed(nfs, nfsstat3.NFS3ERR_STALE, undefined, error, args);
  }
  // A read-only export still shows the attributes of an object that it does not let clients change.
  const shown = at ?? (errnoOf(error) === 'EROFS' ? await resolveQuietly(nfs, actor.handle(args)) : undefined);
  return actor.failed(nfs, status ?? nfsstat3.NFS3ERR_SERVERFAULT, shown, error, args);
}

/** Asks the brick, since the inode table does not know which of its objects still exist. */
async function isGone({ volume, frame, inode }: Resolved): Promise<boolean> {
  try {
    await volume.top.stat(frame, inode);
    return false;
  } catch (error) {
    return errnoOf(error) === 'ESTALE';
  }
}

/**
 * Lets a call look up, create, move or remove a name only if the directory is still in the export of its handle. The
 * handle of a directory that was moved out of the export stays valid, as with knfsd's no_subtree_check, but gives
 * access to nothing in it.
 * @throws {FsError} ESTALE, as with knfsd's subtree_check
 */
async function confine(nfs: NfsCall, at: Resolved): Promise<void> {
  if ((await nfs.locate(at)) === 'outside') throw new FsError('ESTALE', 'the directory is no longer in the export');
}

/**
 * Resolves the directory of a call's second handle, in which the call changes a name.
 * @throws {UnaskedError} as `resolveForChange` and {@link confine}; the brick has not been asked about the first handle
 */
export async function secondDirectory(nfs: NfsCall, handle: Buffer): Promise<Resolved> {
  try {
    const dir = await nfs.resolveForChange(handle);
    if (dir.exportId !== 0) await using(dir, () => confine(nfs, dir));
    return dir;
  } catch (error) {
    const errno = errnoOf(error);
    throw errno === undefined ? error : new UnaskedError(errno, (error as Error).message);
  }
}

/** Refuses RENAME and LINK from one export to another, as knfsd does; a client then copies. */
export function checkSameExport(one: Resolved, other: Resolved): void {
  if (one.volume === other.volume && one.exportId === other.exportId) return;
  throw new UnaskedError('EXDEV', 'from one export to another');
}

/** Keeps the second object of a call in use while `work` runs, as the frame keeps the first while the actor runs. */
export async function using<T>({ volume, inode }: Resolved, work: () => Promise<T>): Promise<T> {
  volume.table.ref(inode);
  try {
    return await work();
  } finally {
    volume.table.unref(inode);
  }
}

/** Resolves a handle for a failure arm; `undefined` if that fails. */
export async function resolveQuietly(nfs: NfsCall, handle: Buffer): Promise<Resolved | undefined> {
  try {
    return await nfs.resolve(handle);
  } catch {
    return undefined;
  }
}
