/** What the kernel of a FUSE client checks on a GlusterFS volume and a brick does not: a part of {@link twoStepSuite}. */
import type { Test } from 'tap';
import { frame } from '../support/graph.ts';
import type { Subject } from './xlator/hand.ts';
import { failure } from './xlator/hand.ts';
import { anna, bert, peopleOf } from './people.ts';

export function ownersSuite(
  test: (what: string, run: (t: Test) => Promise<void>) => unknown,
  make: (t: Test) => Promise<Subject>,
) {
  test('only the owner sets the owner and the group that an object has already', async t => {
    const { top, fileOf, hand } = await peopleOf(await make(t));
    const inode = await fileOf(anna, 'f', 0o666);
    await top.setattr(frame, inode, { gid: 77 });
    for (const attr of [{ uid: 1001 }, { gid: 77 }, { uid: 1001, gid: 77 }]) {
      t.equal((await failure(top.setattr(bert, inode, attr))).code, 'EPERM', JSON.stringify(attr));
      t.match((await top.setattr(anna, inode, attr)).after, { uid: 1001, gid: 77 });
    }
    t.equal((await failure(top.setattr(anna, inode, { gid: 78 }))).code, 'EPERM', 'a group that is not its own');
    t.match(await hand.stat(inode), { uid: 1001, gid: 77 });
  });

  test('a directory gets another parent only by those who may write to it', async t => {
    const { top, root, table } = await peopleOf(await make(t));
    const there = table.link((await top.mkdir(frame, root, 'there', { mode: 0o777 })).iatt, root, 'there');
    await top.mkdir(anna, root, 'd', { mode: 0o755 });
    await top.mkdir(anna, root, 'open', { mode: 0o777 });
    await top.symlink(anna, root, 'l', 'target', {});
    const refused = await failure(top.rename(bert, root, 'd', there, 'd'));
    t.equal(refused.code, 'EACCES', 'its `..` would change');
    t.ok(refused.wcc?.after, 'with the attributes of the directories');
    await top.rename(bert, root, 'd', root, 'e');
    await top.rename(anna, root, 'e', there, 'e');
    await top.rename(bert, root, 'open', there, 'open');
    await top.rename(bert, root, 'l', there, 'l');
    t.equal((await failure(top.rename(bert, root, 'nothing', there, 'n'))).code, 'ENOENT');
  });

  test('a directory that could not be renamed stays where and as it is', async t => {
    const { top, root, table, hand } = await peopleOf(await make(t));
    const [dir, full] = [await hand.dir('dir'), await hand.dir('full')];
    const inner = table.link((await top.mkdir(frame, full, 'inner', {})).iatt, full, 'inner');
    const before = await hand.stat(dir);
    t.match((await failure(top.rename(frame, root, 'dir', root, 'full'))).code, /^(ENOTEMPTY|EEXIST)$/);
    t.match((await failure(top.rename(frame, root, 'full', inner, 'n'))).code, /^(EINVAL|ENOTEMPTY)$/);
    for (const one of [dir, full]) t.ok((await top.opendir(frame, one)).notes ?? true, 'it can be opened');
    t.strictSame(await hand.stat(dir), before);
    await top.mkdir(frame, dir, 'new', {});
    t.ok((await top.lookup(frame, full, 'inner')).iatt);
  });
}
