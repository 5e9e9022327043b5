import {
  chmodSync,
  existsSync,
  linkSync,
  mkdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import t from 'tap';
import { FopError } from '#src/graph/fops.ts';
import { FileType } from '#src/graph/iatt.ts';
import { codeOf, codeOfGone, eachMode, inodeOf, needsRoot, open, other, root, user } from '../support/brick-test.ts';

const guarded = (attr = {}) => ({ mode: 'guarded', attr }) as const;

eachMode(t, 'unlink and rmdir return the directory before and after', async (t, s) => {
  const { fops, top, path } = await open(t, s);
  mkdirSync(path('d'));
  writeFileSync(path('d/f'), '');
  writeFileSync(path('f'), '');
  const before = await fops.stat(root, top);
  const { parent } = await fops.unlink(root, top, 'f');
  t.same(parent.before, before);
  t.same(parent.after, await fops.stat(root, top));
  t.notOk(existsSync(path('f')));
  t.equal(await codeOf(fops.unlink(root, top, 'f')), 'ENOENT');
  t.equal(await codeOf(fops.unlink(root, top, 'd')), 'EISDIR');
  t.match(await codeOf(fops.rmdir(root, top, 'd')), 'ENOTEMPTY');
  const dir = inodeOf((await fops.lookup(root, top, 'd')).iatt);
  t.equal(await codeOf(fops.rmdir(root, dir, 'f')), 'ENOTDIR');
  await fops.unlink(root, dir, 'f');
  const removed = await fops.rmdir(root, top, 'd');
  t.not(removed.parent.after!.ctimeNsec, removed.parent.before!.ctimeNsec);
  t.equal(await codeOfGone(() => fops.stat(root, dir)), 'ESTALE');
  t.equal(await codeOf(fops.rmdir(root, top, '.')), 'EINVAL');
  t.equal(await codeOf(fops.rmdir(root, top, '..')), 'EEXIST');
  t.equal(await codeOf(fops.unlink(root, top, '..')), 'EISDIR');
  t.equal(await codeOf(fops.unlink(root, top, 'a/b')), 'EINVAL');
  const failure = await fops.unlink(user, inodeOf(before), 'none').catch((error: unknown) => error);
  t.ok(failure instanceof FopError && failure.wcc.before && failure.wcc.after);
});

eachMode(t, 'the sticky bit protects objects of others', async (t, s) => {
  const { fops, top, path } = await open(t, s);
  chmodSync(path('.'), 0o1777);
  await fops.create(user, top, 'f', guarded());
  t.equal(await codeOf(fops.unlink(other, top, 'f')), 'EPERM');
  t.equal(await codeOf(fops.rename(other, top, 'f', top, 'g')), 'EPERM');
  await fops.unlink(user, top, 'f');
});

eachMode(t, 'link gives one object a second name, by the kernel’s rules on which files may be linked', async (t, s) => {
  const { fops, top, path } = await open(t, s);
  const made = (await fops.create(user, top, 'a', guarded({ mode: 0o600 }))).iatt;
  const { iatt, parent } = await fops.link(user, inodeOf(made), top, 'b');
  t.match(iatt, { nlink: 2, ino: made.ino });
  t.ok(iatt.gfid.equals(made.gfid));
  t.ok(parent.before && parent.after);
  t.equal(await codeOf(fops.link(user, inodeOf(made), top, 'b')), 'EEXIST');
  t.equal(await codeOf(fops.link(root, top, top, 'c')), 'EPERM', 'no links to directories');
  t.equal(await codeOf(fops.link(user, inodeOf(made), top, '..')), 'EEXIST');
  symlinkSync('nowhere', path('l'));
  const symlink = inodeOf((await fops.lookup(root, top, 'l')).iatt);
  t.match((await fops.link(root, symlink, top, 'l2')).iatt, { type: FileType.LNK, nlink: 2 });
  if (readFileSync('/proc/sys/fs/protected_hardlinks', 'utf8').startsWith('1')) {
    t.equal(await codeOf(fops.link(other, inodeOf(made), top, 'd')), 'EPERM');
  }
  await fops.unlink(user, top, 'a');
  t.match(await fops.stat(user, inodeOf(made)), { nlink: 1 }, 'the object is there under the other name');
  await fops.unlink(user, top, 'b');
  t.equal(await codeOfGone(() => fops.stat(user, inodeOf(made))), 'ESTALE');
  t.equal(await codeOfGone(() => fops.link(user, inodeOf(made), top, 'e')), 'ESTALE');
});

eachMode(t, 'handles stay valid over renames within, across and over', async (t, s) => {
  const { brick, fops, top, path } = await open(t, s);
  mkdirSync(path('d'));
  mkdirSync(path('e'));
  writeFileSync(path('e/x'), 'x');
  const d = inodeOf((await fops.lookup(root, top, 'd')).iatt);
  const file = inodeOf((await fops.create(root, top, 'a', guarded({ size: 3 }))).iatt);
  const before = [await fops.stat(root, top), await fops.stat(root, d)];
  const { from, to } = await fops.rename(root, top, 'a', d, 'b');
  t.same([from.before, to.before], before);
  t.same([from.after, to.after], [await fops.stat(root, top), await fops.stat(root, d)]);
  t.match(await fops.stat(root, file), { size: 3 });
  t.ok((await brick.walk('d/b')).gfid.equals(file.gfid));
  const over = inodeOf((await fops.create(root, d, 'c', guarded())).iatt);
  await fops.rename(root, d, 'b', d, 'c');
  t.equal(await codeOfGone(() => fops.stat(root, over)), 'ESTALE', 'the replaced object is gone');
  t.ok((await brick.walk('d/c')).gfid.equals(file.gfid));
  linkSync(path('d/c'), path('d/same'));
  await fops.rename(root, d, 'c', d, 'same');
  t.same((await brick.names(d)).sort(), ['.', '..', 'c', 'same'], 'two names of one file: nothing happens');
  t.match(await codeOf(fops.rename(root, top, 'd', top, 'e')), /ENOTEMPTY|EEXIST/);
  t.equal(await codeOf(fops.rename(root, top, 'd', d, 'inside')), 'EINVAL');
  t.equal(await codeOf(fops.rename(root, d, 'c', top, 'e')), 'EISDIR');
  t.equal(await codeOf(fops.rename(root, top, 'e', d, 'c')), 'ENOTDIR');
  for (const [a, b] of [
    ['.', 'x'],
    ['..', 'x'],
    ['d', '.'],
    ['d', '..'],
  ] as const) {
    t.equal(await codeOf(fops.rename(root, top, a, top, b)), 'EINVAL');
  }
  const failure = await fops.rename(root, top, 'none', d, 'x').catch((error: unknown) => error);
  t.ok(failure instanceof FopError);
  t.match(failure, {
    code: 'ENOENT',
    wcc: { before: { ino: before[0]!.ino } },
    toWcc: { after: { ino: before[1]!.ino } },
  });
  await fops.rename(root, top, 'd', top, 'moved');
  t.ok((await fops.lookup(root, d, 'c')).iatt.gfid.equals(file.gfid), 'handles in a moved directory stay valid, too');
});

t.test('the blocks of a file are free as soon as its last name is removed, even if it was open', needsRoot, async t => {
  const { fops, top, path } = await open(t);
  const free = async () => (await fops.statfs(root, top)).bytesFree;
  const file = inodeOf((await fops.create(root, top, 'f', guarded())).iatt);
  await fops.writev(root, file.fd, Buffer.alloc(1 << 20, 1), 0, 2);
  t.equal(statSync(path('f')).blocks, 2048);
  await fops.unlink(root, top, 'f');
  t.notOk(
    openFiles().some(target => target.startsWith(path('f'))),
    'no descriptor is left',
  );
  t.ok((await free()) > 0);
});

function openFiles(): string[] {
  const { readdirSync, readlinkSync } = process.getBuiltinModule('node:fs');
  return readdirSync('/proc/self/fd').flatMap(fd => {
    try {
      return [readlinkSync(`/proc/self/fd/${fd}`)];
    } catch {
      return [];
    }
  });
}
