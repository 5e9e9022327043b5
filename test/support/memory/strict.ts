/**
 * Makes of a brick in memory one that has no fop but those of GlusterFS's bricks, and their checks: any other call is a
 * bug of the layers above.
 */
import { errnoOf, FsError } from '#src/errno.ts';
import { Access, type Fop, type Fops, type SetAttr } from '#src/graph/fops.ts';
import type { Frame } from '#src/graph/frame.ts';
import type { Inode } from '#src/graph/inode.ts';
import { Xlator } from '#src/graph/xlator.ts';

type Args<F extends Fop> = Parameters<Fops[F]>;

/** Whether a brick lets the owner truncate: for an NFS server, whose callers have no process. */
const isNfs = ({ pid }: Frame): boolean => pid === undefined;

const SETTABLE = ['mode', 'uid', 'gid', 'atime', 'mtime'];

/** Throws if there are attributes that the fop does not take. */
function only(fop: Fop, attr: SetAttr, ...taken: readonly string[]): void {
  const others = Object.keys(attr).filter(key => !taken.includes(key));
  if (others.length > 0) throw new Error(`a brick's ${fop} takes no ${others.join()}`);
}

const isMember = ({ identity }: Frame, gid: number): boolean => identity.gid === gid || identity.groups.includes(gid);

export class Strict extends Xlator {
  /** The failures of a brick carry no attributes. */
  protected override wind<F extends Fop>(fop: F, ...args: Parameters<Fops[F]>): ReturnType<Fops[F]> {
    const reply = super.wind(fop, ...args) as Promise<unknown>;
    return reply.catch(bare) as ReturnType<Fops[F]>;
  }

  override create(...[frame, parent, name, how, flags, xdata]: Args<'create'>): ReturnType<Fops['create']> {
    if (how.mode !== 'guarded') throw new Error(`a brick has no ${how.mode} creation`);
    only('create', how.attr, 'mode', 'gfid');
    return this.wind('create', frame, parent, name, how, flags, xdata);
  }

  override mknod(...args: Args<'mknod'>): ReturnType<Fops['mknod']> {
    only('mknod', args[4], 'mode', 'gfid');
    return this.wind('mknod', ...args);
  }

  override mkdir(...args: Args<'mkdir'>): ReturnType<Fops['mkdir']> {
    only('mkdir', args[3], 'mode', 'gfid');
    return this.wind('mkdir', ...args);
  }

  override symlink(...args: Args<'symlink'>): ReturnType<Fops['symlink']> {
    only('symlink', args[4], 'gfid');
    return this.wind('symlink', ...args);
  }

  override async setattr(...args: Args<'setattr'>): ReturnType<Fops['setattr']> {
    const [frame, inode, attr, guard] = args;
    if (guard !== undefined) throw new Error("a brick's setattr takes no guard");
    await this.#scrutinise(frame, inode, attr);
    return this.wind('setattr', ...args);
  }

  /** Nothing is checked here, nor at reading, writing and truncating through an fd. */
  override fsetattr(...args: Args<'fsetattr'>): ReturnType<Fops['fsetattr']> {
    only('fsetattr', args[2], ...SETTABLE);
    return this.wind('fsetattr', ...args);
  }

  async #scrutinise(frame: Frame, inode: Inode, attr: SetAttr): Promise<void> {
    only('setattr', attr, ...SETTABLE);
    const { uid: caller } = frame.identity;
    if (caller === 0) return;
    const { uid: owner } = await this.wind('stat', frame, inode);
    const { mode, uid, gid, atime, mtime } = attr;
    if (mode !== undefined && caller !== owner) throw new FsError('EPERM');
    const setsTimes = atime !== undefined || mtime !== undefined;
    if (setsTimes && caller !== owner) await this.#permitted(frame, inode, Access.WRITE);
    if (uid !== undefined && uid !== owner) throw new FsError('EPERM');
    if (gid !== undefined && (caller !== owner || !isMember(frame, gid))) throw new FsError('EPERM');
  }

  async #permitted(frame: Frame, inode: Inode, mask: number): Promise<void> {
    const { granted } = await this.wind('access', frame, inode, mask);
    if (granted !== mask) throw new FsError('EACCES');
  }

  override async truncate(...args: Args<'truncate'>): ReturnType<Fops['truncate']> {
    const [frame, inode] = args;
    const { uid } = await this.wind('stat', frame, inode);
    if (!isNfs(frame) || uid !== frame.identity.uid) await this.#permitted(frame, inode, Access.WRITE);
    return this.wind('truncate', ...args);
  }

  /** A brick says whether all of the mask is granted, and nothing of the object. */
  override async access(...args: Args<'access'>): ReturnType<Fops['access']> {
    const { granted, xdata } = await this.wind('access', ...args);
    return { granted: granted === args[2] ? granted : 0, ...(xdata && { xdata }) };
  }
}

/** Rejects with the failure, but without the attributes in it. */
function bare(error: unknown): never {
  const code = errnoOf(error);
  throw code === undefined ? error : new FsError(code);
}
