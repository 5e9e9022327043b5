/** The callers of the suites about rights, and what they have. */
import type { Test } from 'tap';
import { Stable } from '#src/graph/fops.ts';
import type { Frame } from '#src/graph/frame.ts';
import { identityOf } from '#src/graph/identity.ts';
import type { Inode } from '#src/graph/inode.ts';
import { subtree } from '#src/graph/subtree.ts';
import { frame } from '../support/graph.ts';
import { Failing } from '../support/memory/failing.ts';
import { Hand, type Subject } from './xlator/hand.ts';

export const as = (uid: number, gid = uid, groups: readonly number[] = []): Frame => ({
  ...frame,
  identity: identityOf(uid, gid, groups),
});
export const [anna, bert] = [as(1001), as(1002)];

/** A volume whose root everybody may write to. */
export async function peopleOf(subject: Subject) {
  const hand = new Hand(subject);
  const { top, root, table } = hand;
  await top.setattr(frame, root, { mode: 0o777 });
  const failing = subtree(top).find(xlator => xlator instanceof Failing);
  /** A file of `who`. */
  const fileOf = async (who: Frame, name: string, mode: number, content = ''): Promise<Inode> => {
    const { iatt } = await top.create(who, root, name, { mode: 'guarded', attr: { mode: 0o600 } });
    const inode = table.link(iatt, root, name);
    if (content !== '') await top.writev(who, inode.fd, Buffer.from(content), 0, Stable.UNSTABLE);
    await top.setattr(who, inode, { mode });
    return inode;
  };
  /** Does `work`, in which the brick is to see these fops, where that can be seen. */
  const sends = async (t: Test, work: () => Promise<unknown>, fops: readonly string[], message = '') => {
    if (failing) failing.calls.length = 0;
    await work();
    if (failing) t.strictSame(failing.calls.map(({ fop }) => fop).toSorted(), fops.toSorted(), message);
  };
  return { ...subject, hand, fileOf, sends };
}
