import t from 'tap';
import { FileType } from '#src/graph/iatt.ts';
import { Fd, Inode } from '#src/graph/inode.ts';
import { direntBytes } from '#src/graph/fops.ts';
import { fsyncdir, opendir, readdir, readdirp } from '#src/xlators/protocol/client/fops/directory.ts';
import { frame } from '../../../../support/graph.ts';
import { DONE, iattx, refused, remoteOf } from '../../../../support/remote.ts';

const gfid = Buffer.alloc(16, 7);
const inode = new Inode(gfid, FileType.DIR);
const stat = iattx(gfid, 0o40755);
const zero = iattx(Buffer.alloc(16), 0);
const fileGfid = Buffer.from('ad342730a77b4317807b3914d81f27c5', 'hex');
const END = 0x7fff_ffff_ffff_ffffn;

/** An entry as a brick lists it: `d_ino` is that of its disk. */
const entry = (name: string, d_off: bigint, known = true) => ({
  d_ino: 12n,
  d_off,
  d_len: name.length,
  d_type: 8,
  name,
  stat: known ? iattx(fileGfid, 0o100644) : zero,
  dict: name === 'linkto' ? new Map([['trusted.glusterfs.dht.linkto', Buffer.from('v-client-1\0')]]) : undefined,
});

t.test('a listing with attributes', async t => {
  const xdata = new Map([['trusted.glusterfs.dht.linkto', 256]]);
  const reply = [entry('file', 1n), entry('..', 2n, false), entry('linkto', END)];
  const { remote, calls } = remoteOf({
    READDIRP: () => ({ op_ret: 3, op_errno: 2, xdata: undefined, reply }),
    STAT: () => ({ ...DONE, stat }),
  });
  const { entries, eof, iatt } = await readdirp(remote, frame, inode.fd, 4096, 5n, xdata);
  t.match(entries[0], { name: 'file', cookie: 1n, ino: 0x807b3914d81f27c5n, iatt: { type: FileType.REG, fsid: 77n } });
  t.notOk('xdata' in entries[0]!);
  t.strictSame(entries[1], { name: '..', ino: 12n, cookie: 2n }, 'what the brick could not look at has no attributes');
  t.match(entries[2], { cookie: END, xdata: new Map([['trusted.glusterfs.dht.linkto', Buffer.from('v-client-1\0')]]) });
  t.match({ eof, iatt }, { eof: true, iatt: { type: FileType.DIR, mode: 0o755, fsid: 77n } });
  t.match(calls[0], { fop: 'READDIRP', args: { gfid, fd: -2, offset: 5n, xdata } });
  t.equal(calls.length, 2, 'no call for an entry');
});

t.test('names alone have the inode numbers of all other replies', async t => {
  const { remote } = remoteOf({
    READDIRP: () => ({ op_ret: 1, op_errno: 0, xdata: undefined, reply: [entry('file', 1n)] }),
    STAT: () => ({ ...DONE, stat }),
  });
  const { entries, eof } = await readdir(remote, frame, inode.fd, 4096, 0n);
  t.strictSame(entries, [{ name: 'file', ino: 0x807b3914d81f27c5n, cookie: 1n }]);
  t.notOk(eof);
});

t.test('no more entries than have room, but one', async t => {
  const names = ['a', 'b', 'c'.repeat(255), 'd'];
  const { remote, calls } = remoteOf({
    READDIRP: () => ({
      op_ret: 4,
      op_errno: 2,
      xdata: undefined,
      reply: names.map((name, i) => entry(name, BigInt(i + 1))),
    }),
    STAT: () => ({ ...DONE, stat }),
  });
  const listed = async (size: number) => {
    const { entries, eof } = await readdirp(remote, frame, inode.fd, size, 0n);
    return { count: entries.length, eof };
  };
  const one = direntBytes(1, true);
  t.strictSame(await listed(1), { count: 1, eof: false });
  t.strictSame(await listed(2 * one), { count: 2, eof: false });
  t.strictSame(await listed(3 * one + direntBytes(255, true)), { count: 4, eof: true });
  for (const { fop, args } of calls) if (fop === 'READDIRP') t.ok(args.size >= 300, 'a brick has room for an entry');
});

t.test('an empty answer is the end', async t => {
  const { remote } = remoteOf({
    READDIRP: () => ({ op_ret: 0, op_errno: 0, xdata: undefined, reply: [] }),
    STAT: () => ({ ...DONE, stat }),
  });
  t.match(await readdirp(remote, frame, inode.fd, 4096, END), { entries: [], eof: true });
});

t.test('refusals and what no brick should answer', async t => {
  const wrong = { op_ret: 1, op_errno: 0, xdata: undefined, reply: [entry('a', END + 1n)] };
  const listing = (result: typeof wrong, own = stat) => {
    const { remote } = remoteOf({ READDIRP: () => result, STAT: () => ({ ...DONE, stat: own }) });
    return readdirp(remote, frame, inode.fd, 4096, 0n);
  };
  await t.rejects(listing({ ...refused(2), reply: [] }), { code: 'ESTALE' });
  await t.rejects(listing({ ...refused(13), reply: [] }), { code: 'EACCES' });
  await t.rejects(listing(wrong), { code: 'EREMOTEIO', message: /cookie/ });
  for (const name of ['', 'a/b', '/', 'a\0', 'x'.repeat(256)]) {
    const reply = [entry('a', 1n), entry(name, 2n), entry('c', 3n)];
    await t.rejects(listing({ ...wrong, reply }), { code: 'EREMOTEIO' }, 'no name that a directory can have');
  }
  await t.rejects(listing({ ...wrong, reply: [entry('a', 0n)] }), { code: 'EREMOTEIO' }, 'where the listing went on');
  t.match(await listing({ ...wrong, op_errno: 2, reply: [entry('a', 0n)] }), { eof: true });
  await t.rejects(listing({ ...wrong, reply: [] }, zero), { code: 'EREMOTEIO' });
  const { remote, calls } = remoteOf({});
  await t.rejects(readdirp(remote, { ...frame, narrowCookies: true }, inode.fd, 4096, 0n), { code: 'EOVERFLOW' });
  t.strictSame(calls, []);
});

t.test('opendir opens at the brick, and fsyncdir syncs what is open', async t => {
  const { remote, calls } = remoteOf({ OPENDIR: () => ({ ...DONE, fd: 0 }), FSYNCDIR: () => DONE });
  const { notes } = await opendir(remote, frame, inode);
  const fd = new Fd(inode, 0, notes);
  await fsyncdir(remote, frame, fd, true);
  await fsyncdir(remote, frame, fd, false);
  t.match(calls, [
    { fop: 'OPENDIR', args: { gfid } },
    { fop: 'FSYNCDIR', args: { gfid, fd: 0, data: 1 } },
    { fop: 'FSYNCDIR', args: { gfid, fd: 0, data: 0 } },
  ]);
  await t.rejects(opendir(remote, frame, new Inode(fileGfid, FileType.REG)), { code: 'ENOTDIR' });
});
