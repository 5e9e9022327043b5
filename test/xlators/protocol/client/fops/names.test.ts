import t from 'tap';
import { constants } from 'node:fs';
import { ROOT_GFID } from '#src/graph/gfid.ts';
import { FileType } from '#src/graph/iatt.ts';
import { Fd, Inode } from '#src/graph/inode.ts';
import * as names from '#src/xlators/protocol/client/fops/names.ts';
import { frame } from '../../../../support/graph.ts';
import { DONE, iattx, refused, remoteOf } from '../../../../support/remote.ts';
import { gfidOf } from '../../../../support/iatt.ts';

const { O_CREAT, O_EXCL, O_RDWR } = constants;
const dir = new Inode(gfidOf(7), FileType.DIR);
const to = new Inode(gfidOf(6), FileType.DIR);
const file = new Inode(gfidOf(8), FileType.REG);
const dirStat = iattx(dir.gfid, 0o040755);
const fileStat = iattx(file.gfid, 0o100644);
const nothing = iattx(Buffer.alloc(16), 0);
const chosen = Buffer.alloc(16, 0x42);

const parents = { preparent: dirStat, postparent: dirStat };
const made = () => ({ ...DONE, stat: fileStat, ...parents });
const removed = () => ({ ...DONE, prestat: dirStat, poststat: dirStat });

const gfidReq = (args: { xdata: ReadonlyMap<string, unknown> }) =>
  (args.xdata.get('gfid-req') as { value: Buffer }).value;

t.test('what is made gets the gfid that was chosen, or a random one', async t => {
  const { remote, calls } = remoteOf({ MKNOD: made, MKDIR: made, SYMLINK: made });
  const told = new Map([['key', 'value']]);
  const answers = [
    await names.mkdir(remote, frame, dir, 'd', { mode: 0o2755, gfid: chosen }, told),
    await names.symlink(remote, frame, dir, 's', 'tar\xe9get', {}),
    await names.mknod(remote, frame, dir, 'n', FileType.CHR, { mode: 0o600 }, { major: 0x1234, minor: 0x56789 }),
    await names.create(remote, frame, dir, 'f', { mode: 'guarded', attr: { mode: 0o644, gfid: chosen } }, undefined),
  ];
  for (const answer of answers) t.match(answer, { iatt: { gfid: file.gfid }, parent: { after: { gfid: dir.gfid } } });
  t.match(calls, [
    { fop: 'MKDIR', args: { pargfid: dir.gfid, bname: 'd', mode: 0o2755, umask: 0 } },
    { fop: 'SYMLINK', args: { bname: 's', linkname: 'tar\xe9get' } },
    { fop: 'MKNOD', args: { bname: 'n', mode: 0o020600, dev: 0x1000_5672_3489n } },
    { fop: 'MKNOD', args: { bname: 'f', mode: 0o100644, dev: 0n } },
  ]);
  t.equal(calls[0]!.args.xdata.get('key'), 'value');
  t.strictSame([told.size, gfidReq(calls[0]!.args), gfidReq(calls[3]!.args)], [1, chosen, chosen]);
  const [one, other] = [gfidReq(calls[1]!.args), gfidReq(calls[2]!.args)];
  t.notSame(one, other);
  for (const gfid of [one, other]) t.match(gfid.toString('hex'), /^.{12}4.{3}[89ab].{15}$/, 'a UUID of version 4');
});

t.test('creation with flags opens', async t => {
  const { remote, calls } = remoteOf({ CREATE: () => ({ ...made(), fd: 5 }) });
  const flags = O_RDWR;
  const guarded = await names.create(remote, frame, dir, 'f', { mode: 'guarded', attr: { mode: 0o600 } }, flags);
  await names.create(remote, frame, dir, 'f', { mode: 'unchecked', attr: {} }, flags);
  t.match(calls, [
    { args: { flags: O_RDWR | O_CREAT | O_EXCL, mode: 0o100600, bname: 'f' } },
    { args: { flags: O_RDWR | O_CREAT } },
  ]);
  t.equal(remote.fdOf(new Fd(file, flags, guarded.opened!.notes)), 5);
});

t.test('what a brick cannot do is refused, and what it would misunderstand', async t => {
  const { remote, calls } = remoteOf({});
  const exclusive = { mode: 'exclusive', verifier: Buffer.alloc(8) } as const;
  await t.rejects(names.create(remote, frame, dir, 'f', exclusive, undefined), { code: 'EOPNOTSUPP' });
  await t.rejects(names.create(remote, frame, dir, 'f', { mode: 'unchecked', attr: {} }, undefined), {
    code: 'EOPNOTSUPP',
  });
  await t.rejects(names.rename(remote, frame, dir, 'a', to, 'b', 1), { code: 'EINVAL' });
  await t.rejects(names.mkdir(remote, frame, dir, 'd', { gfid: Buffer.alloc(16) }), { code: 'EINVAL' });
  await t.rejects(names.mkdir(remote, frame, dir, 'd', { gfid: chosen.subarray(1) }), { code: 'EINVAL' });
  await t.rejects(names.mkdir(remote, frame, dir, 'd', { gfid: ROOT_GFID }), { code: 'ENODATA' });
  await t.rejects(names.mknod(remote, frame, dir, 'd', FileType.DIR, {}, { major: 0, minor: 0 }), { code: 'EINVAL' });
  await t.rejects(names.symlink(remote, frame, dir, 's', 'x'.repeat(4096), {}), { code: 'ENAMETOOLONG' });
  await t.rejects(names.symlink(remote, frame, dir, 's', '', {}), { code: 'ENOENT' });
  for (const [name, making, removing] of [
    ['', 'EINVAL', 'EINVAL'],
    ['a/b', 'EINVAL', 'EINVAL'],
    ['.', 'EEXIST', 'EINVAL'],
    ['..', 'EEXIST', 'ENOTEMPTY'],
    ['x'.repeat(256), 'ENAMETOOLONG', 'ENAMETOOLONG'],
  ] as const) {
    await t.rejects(names.mkdir(remote, frame, dir, name, {}), { code: making });
    await t.rejects(names.link(remote, frame, file, dir, name), { code: making });
    await t.rejects(names.rename(remote, frame, dir, 'a', to, name), { code: making });
    await t.rejects(names.rename(remote, frame, dir, name, to, 'a'), { code: removing });
    await t.rejects(names.unlink(remote, frame, dir, name), { code: removing });
    await t.rejects(names.rmdir(remote, frame, dir, name), { code: removing });
  }
  t.strictSame(calls, []);
});

t.test('names are removed, linked and moved', async t => {
  const counted = new Map([['get-link-count', 2]]);
  const { remote, calls } = remoteOf({
    UNLINK: () => ({ ...removed(), xdata: counted }),
    RMDIR: removed,
    LINK: made,
    RENAME: () => ({
      ...DONE,
      stat: fileStat,
      preoldparent: dirStat,
      postoldparent: dirStat,
      prenewparent: iattx(to.gfid, 0o040700),
      postnewparent: iattx(to.gfid, 0o040700),
    }),
  });
  const unlinked = await names.unlink(remote, frame, dir, 'a', new Map([['get-link-count', 1]]));
  t.match(unlinked, { parent: { before: { gfid: dir.gfid } }, xdata: counted });
  await names.rmdir(remote, frame, dir, 'd');
  await names.link(remote, frame, file, dir, 'l');
  const renamed = await names.rename(remote, frame, dir, 'a', to, 'b');
  t.match(renamed, { from: { after: { gfid: dir.gfid } }, to: { after: { gfid: to.gfid } } });
  t.match(calls, [
    { fop: 'UNLINK', args: { pargfid: dir.gfid, bname: 'a', xflags: 0, xdata: new Map([['get-link-count', 1]]) } },
    { fop: 'RMDIR', args: { pargfid: dir.gfid, bname: 'd', xflags: 0 } },
    { fop: 'LINK', args: { oldgfid: file.gfid, newgfid: dir.gfid, newbname: 'l' } },
    { fop: 'RENAME', args: { oldgfid: dir.gfid, newgfid: to.gfid, oldbname: 'a', newbname: 'b' } },
  ]);
});

t.test('refusals have their codes', async t => {
  const { remote } = remoteOf({
    MKDIR: () => ({ ...refused(17), stat: nothing, preparent: nothing, postparent: nothing }),
    UNLINK: () => ({ ...refused(2), prestat: nothing, poststat: nothing }),
    LINK: () => ({ ...refused(2), stat: nothing, preparent: nothing, postparent: nothing }),
  });
  await t.rejects(names.mkdir(remote, frame, dir, 'd', {}), { code: 'EEXIST' });
  await t.rejects(names.unlink(remote, frame, dir, 'a'), { code: 'ENOENT' });
  await t.rejects(names.link(remote, frame, file, dir, 'l'), { code: 'ESTALE' }, 'it is the file that is gone');
});

t.test('a directory that could not be renamed is renamed to its own name, which makes its handle again', async t => {
  const none = {
    stat: nothing,
    preoldparent: nothing,
    postoldparent: nothing,
    prenewparent: nothing,
    postnewparent: nothing,
  };
  for (const [stat, errno, code, sent] of [
    [dirStat, 39, 'ENOTEMPTY', ['RENAME', 'LOOKUP', 'RENAME']],
    [fileStat, 28, 'ENOSPC', ['RENAME', 'LOOKUP']],
    [dirStat, 13, 'EACCES', ['RENAME']],
  ] as const) {
    const { remote, calls } = remoteOf({
      LOOKUP: () => ({ ...DONE, prestat: stat, poststat: dirStat }),
      RENAME: () => ({ ...refused(errno), ...none }),
    });
    await t.rejects(names.rename(remote, frame, dir, 'a', to, 'b'), { code });
    t.strictSame(
      calls.map(({ fop }) => fop),
      sent,
    );
    const own = { oldgfid: dir.gfid, newgfid: dir.gfid, oldbname: 'a', newbname: 'a' };
    if (sent.length === 3) t.match(calls[2], { args: own });
  }
});
