/**
 * Gives all copies of a directory the mode, the owner and the extended attributes of the copy that has them right. The
 * others may lack what was changed while their subvolume was down.
 */
import { errnoOf, isGone } from '../../../../errno.ts';
import type { Xattrs, XdataValue } from '../../../../graph/fops.ts';
import type { Frame } from '../../../../graph/frame.ts';
import type { Iatt } from '../../../../graph/iatt.ts';
import type { Inode } from '../../../../graph/inode.ts';
import { ownFrame } from '../../../../graph/own-frame.ts';
import type { Core } from '../core.ts';
import { asking, Domain, MDS } from '../keys.ts';
import { askAll, type Directory, directoryFrom, inodeFor } from './copies.ts';
import { Locks } from './locks.ts';

/** The extended attributes that belong to the directory, and not to one of its copies. */
const IS_SHARED = /^(user\.|system\.posix_acl_|trusted\.glusterfs\.quota\.limit-|security\.selinux$)/;

/** How many changes of extended attributes may lack on other copies than the leading one. */
function lacking(value: XdataValue | undefined): number {
  return Buffer.isBuffer(value) && value.length === 4 ? value.readInt32BE() : 0;
}

const isLike = (a: Iatt, b: Iatt): boolean => a.mode === b.mode && a.uid === b.uid && a.gid === b.gid;

/** What is to be done: whose attributes differ from those of the leading copy, and how many changes others may lack. */
function differences({ known: { mds, layout }, copies }: Directory) {
  const leading = copies.find(({ child }) => child === mds);
  if (leading === undefined) return undefined;
  const { iatt, xdata } = leading.found;
  const unlike = copies.filter(({ found }) => !isLike(found.iatt, iatt)).map(({ child }) => child);
  const count = layout.anomalies().down > 0 ? 0 : lacking(xdata?.get(MDS));
  return unlike.length === 0 && count === 0 ? undefined : { iatt, unlike, count };
}

export const needsAttributes = (directory: Directory): boolean => differences(directory) !== undefined;

/** Puts the copies right. What they were like before the leading one was locked does not matter. */
export async function healAttributes(core: Core, frame: Frame, { found, known: { mds } }: Directory): Promise<void> {
  const own = ownFrame(frame);
  const inode = inodeFor(found.iatt);
  try {
    await using locks = new Locks(core, frame);
    await locks.inode(mds, Domain.LAYOUT, inode, 'write');
    const answers = await askAll(core, child => child.discover(own, inode.gfid, undefined, asking()));
    const now = directoryFrom(core, answers);
    const todo = now && now.known.mds === mds ? differences(now) : undefined;
    if (now === undefined || todo === undefined) return;
    const { mode, uid, gid } = todo.iatt;
    await Promise.all(todo.unlike.map(child => core.at(child).setattr(own, inode, { mode, uid, gid })));
    if (todo.count === 0) return;
    const others = now.copies.map(({ child }) => child).filter(child => child !== mds);
    await copyXattrs(core, own, inode, mds, others);
    const none = Buffer.alloc(4);
    none.writeInt32BE(-todo.count);
    await core.at(mds).xattrop(own, inode, 'add32', new Map([[MDS, none]]));
    core.log.info({ gfid: inode.gfid.toString('hex') }, 'healed the attributes of a directory');
  } catch (error) {
    if (!isGone(error)) core.log.debug({ code: errnoOf(error), err: error }, 'the copies of a directory differ');
  }
}

/** Gives copies the extended attributes of another one, and takes from them those that it does not have. */
export async function copyXattrs(
  core: Core,
  own: Frame,
  inode: Inode,
  from: number,
  to: readonly number[],
): Promise<void> {
  const wanted = shared(await core.at(from).getxattr(own, inode));
  await Promise.all(
    to.map(async child => {
      const xlator = core.at(child);
      const there = shared(await xlator.getxattr(own, inode));
      const differs = [...wanted].filter(([name, value]) => there.get(name)?.equals(value) !== true);
      if (differs.length > 0) await xlator.setxattr(own, inode, new Map(differs), 0);
      for (const name of there.keys()) if (!wanted.has(name)) await xlator.removexattr(own, inode, name);
    }),
  );
}

const shared = (xattrs: Xattrs): Map<string, Buffer> => new Map([...xattrs].filter(([name]) => IS_SHARED.test(name)));
