import { constants } from 'node:fs';
import t from 'tap';
import { Access, type Fop, FopError, Stable } from '#src/graph/fops.ts';
import { frame, stackOf, volumeOf } from '../../support/graph.ts';
import { callFop, passThroughSuite } from '../../suites/pass-through.ts';
import { xlatorSuite } from '../../suites/xlator.ts';

/** What must not change a file, its attributes or a directory; the rest of the fops must pass. */
const changes: readonly Fop[] = [
  'mknod', 'mkdir', 'symlink', 'create', 'link', 'unlink', 'rmdir', 'rename', 'setattr', 'fsetattr', 'truncate',
  'ftruncate', 'writev', 'fallocate', 'discard', 'zerofill', 'setxattr', 'fsetxattr', 'removexattr', 'fremovexattr',
  'xattrop', 'fxattrop',
]; // prettier-ignore

passThroughSuite(t, ['features/read-only'], [...changes, 'access', 'statfs']);
passThroughSuite(t, ['features/read-only read-only=off']);
xlatorSuite(t, 'features/read-only, off', t => volumeOf(t, stackOf('features/read-only read-only=off', 'test/memory')));

const volume = (t: Parameters<typeof volumeOf>[0]) => volumeOf(t, stackOf('features/read-only', 'test/memory files=f'));

for (const fop of changes) {
  t.test(`${fop} is refused`, async t => {
    const { top } = await volume(t);
    await t.rejects(callFop(top, fop), { code: 'EROFS', message: `EROFS: v1 refuses ${fop}` });
  });
}

t.test('a refused change changes nothing and returns the attributes', async t => {
  const { top, root, find } = await volume(t);
  const inode = await find('f');
  const before = await top.stat(frame, inode);
  const error = await top
    .writev(frame, inode.fd, Buffer.from('x'), 0, Stable.UNSTABLE)
    .catch((caught: unknown) => caught);
  t.ok(error instanceof FopError);
  t.strictSame((error as FopError).wcc, { before, after: before });
  const renamed = (await top.rename(frame, root, 'f', root, 'g').catch((caught: unknown) => caught)) as FopError;
  const rootIatt = await top.stat(frame, root);
  t.strictSame([renamed.wcc.before, renamed.toWcc!.after], [rootIatt, rootIatt]);
  t.strictSame(await top.stat(frame, await find('f')), before);
});

t.test('a change of an object that is gone is refused without attributes', async t => {
  const { top, graph, root, find } = await volume(t);
  const inode = await find('f');
  await graph.xlators.get('v0')!.unlink(frame, root, 'f');
  const error = (await top.truncate(frame, inode, 0).catch((caught: unknown) => caught)) as FopError;
  t.equal(error.code, 'EROFS');
  t.strictSame(error.wcc, { before: undefined, after: undefined });
});

t.test('open is allowed for reading only', async t => {
  const { top, find } = await volume(t);
  const inode = await find('f');
  t.ok(await top.open(frame, inode, constants.O_RDONLY));
  for (const flag of ['O_WRONLY', 'O_RDWR', 'O_TRUNC', 'O_APPEND', 'O_CREAT'] as const) {
    await t.rejects(top.open(frame, inode, constants[flag]), { code: 'EROFS' }, flag);
  }
});

t.test('access and statfs tell that the volume is read-only', async t => {
  const { top, root } = await volume(t);
  const all = Access.READ | Access.WRITE | Access.EXECUTE;
  t.equal((await top.access(frame, root, all)).granted, Access.READ | Access.EXECUTE);
  t.equal((await top.statfs(frame, root)).readOnly, true);
});
