/** Tests of what an object holds: attributes and data. */
import { constants } from 'node:fs';
import { Access, Stable } from '#src/graph/fops.ts';
import { failure, isFullIatt, steady, type Tests } from './hand.ts';

export function attributes(test: Tests): void {
  test('setattr and fsetattr change attributes', async (t, hand) => {
    const { top, frame } = hand;
    const inode = await hand.file('f', 'text');
    const before = await hand.stat(inode);
    const times = { atime: { sec: 1_234_567_890, nsec: 123_456_789 }, mtime: { sec: 5, nsec: 0 } };
    const wcc = await top.setattr(frame, inode, { mode: 0o4751, size: 2, ...times });
    t.same(steady(wcc.before!), steady(before));
    const after = await hand.stat(inode);
    t.same(wcc.after, after);
    t.match(after, { mode: 0o4751, size: 2, mtime: 5, mtimeNsec: 0, atime: 1_234_567_890, atimeNsec: 123_456_789 });
    await top.fsetattr(frame, inode.fd, { mode: 0o600, mtime: 'now' });
    const last = await hand.stat(inode);
    t.equal(last.mode, 0o600);
    t.ok(last.mtime > 1_600_000_000);
  });

  test('setattr with a guard works only if the ctime is the same (RFC 1813, 3.3.2)', async (t, hand) => {
    const { top, frame } = hand;
    const inode = await hand.file('f');
    const { ctime, ctimeNsec } = await hand.stat(inode);
    const stale = await failure(top.setattr(frame, inode, { mode: 0o600 }, { sec: 1, nsec: 2 }));
    t.equal(stale.code, 'EAGAIN');
    await top.setattr(frame, inode, { mode: 0o600 }, { sec: ctime, nsec: ctimeNsec });
    t.equal((await hand.stat(inode)).mode, 0o600);
  });

  test('truncate and ftruncate make a file shorter and longer', async (t, hand) => {
    const { top, frame } = hand;
    const inode = await hand.file('f', 'some text');
    t.match(await top.truncate(frame, inode, 4), { before: { size: 9 }, after: { size: 4 } });
    t.match(await top.ftruncate(frame, inode.fd, 6), { before: { size: 4 }, after: { size: 6 } });
    t.equal(await hand.content(inode), 'some\0\0');
  });

  test('access says which of the bits the caller has', async (t, hand) => {
    const inode = await hand.file('f');
    await hand.top.setattr(hand.frame, inode, { mode: 0o600 });
    const { granted, iatt } = await hand.top.access(hand.frame, inode, Access.READ | Access.WRITE);
    t.equal(granted, Access.READ | Access.WRITE);
    if (iatt !== undefined) t.same(iatt.gfid, inode.gfid);
  });

  test('extended attributes are set, read and removed', async (t, hand) => {
    const { top, frame } = hand;
    const inode = await hand.file('f');
    const value = Buffer.from([0, 1, 255]);
    await top.setxattr(frame, inode, new Map([['user.a', value]]), 0);
    await top.fsetxattr(frame, inode.fd, new Map([['user.b', Buffer.from('b')]]), 1);
    t.same((await top.getxattr(frame, inode, 'user.a')).get('user.a'), value);
    t.same((await top.fgetxattr(frame, inode.fd, 'user.b')).get('user.b'), Buffer.from('b'));
    const all = await top.getxattr(frame, inode);
    t.same([...all.keys()].filter(key => key.startsWith('user.')).toSorted(), ['user.a', 'user.b']);
    t.equal((await failure(top.setxattr(frame, inode, new Map([['user.a', value]]), 1))).code, 'EEXIST');
    t.equal((await failure(top.setxattr(frame, inode, new Map([['user.c', value]]), 2))).code, 'ENODATA');
    await top.removexattr(frame, inode, 'user.a');
    await top.fremovexattr(frame, inode.fd, 'user.b');
    t.equal((await failure(top.getxattr(frame, inode, 'user.a'))).code, 'ENODATA');
  });
}

export function contents(test: Tests): void {
  test('written data are read back at any offset', async (t, hand) => {
    const { top, frame } = hand;
    const inode = await hand.file('f');
    const data = Buffer.from(Array.from({ length: 70_000 }, (_, i) => i % 251));
    const written = await top.writev(frame, inode.fd, data, 0, Stable.FILE_SYNC);
    t.match(written, { count: 70_000, stable: Stable.FILE_SYNC, before: { size: 0 }, after: { size: 70_000 } });
    const all = await top.readv(frame, inode.fd, 100_000, 0);
    t.ok(all.data.equals(data));
    t.ok(all.eof);
    all.release?.();
    const part = await top.readv(frame, inode.fd, 5, 69_990);
    t.same([part.data, part.eof, part.iatt.size], [data.subarray(69_990, 69_995), false, 70_000]);
    part.release?.();
    const end = await top.readv(frame, inode.fd, 10, 70_000);
    t.same([end.data.length, end.eof], [0, true]);
    end.release?.();
  });

  test('a file may have holes', async (t, hand) => {
    const { top, frame } = hand;
    const inode = await hand.file('f', 'a');
    await top.writev(frame, inode.fd, Buffer.from('b'), 10_000, Stable.UNSTABLE);
    t.equal(await hand.content(inode, 20_000), `a${'\0'.repeat(9999)}b`);
  });

  test('a file can be used through an fd of its own', async (t, hand) => {
    const { top, frame } = hand;
    const inode = await hand.file('f');
    const fd = await hand.open(inode, constants.O_RDWR);
    await top.writev(frame, fd, Buffer.from('text'), 0, Stable.UNSTABLE);
    await top.flush(frame, fd);
    const { before, after } = await top.fsync(frame, fd, false);
    t.ok(isFullIatt(after) && isFullIatt(before));
    await top.fsync(frame, fd, true);
    t.equal((await top.fstat(frame, fd)).size, 4);
    hand.release(fd);
    t.equal(await hand.content(inode), 'text');
  });

  test('a directory is neither read nor written', async (t, hand) => {
    const { top, frame } = hand;
    const { fd } = await hand.dir('d');
    t.equal((await failure(top.readv(frame, fd, 10, 0))).code, 'EISDIR');
    t.equal((await failure(top.writev(frame, fd, Buffer.from('x'), 0, Stable.UNSTABLE))).code, 'EISDIR');
  });

  test('fallocate, discard, zerofill and seek work on ranges', async (t, hand) => {
    const { top, frame } = hand;
    const inode = await hand.file('f', 'x'.repeat(10));
    const { fd } = inode;
    await top.discard(frame, fd, 2, 3);
    await top.zerofill(frame, fd, 7, 1);
    t.equal(await hand.content(inode), 'xx\0\0\0xx\0xx');
    t.match(await top.fallocate(frame, fd, 0, 0, 20), { after: { size: 20 } });
    t.equal(await top.seek(frame, fd, 1, 'data'), 1);
    t.ok((await top.seek(frame, fd, 0, 'hole')) <= 20);
    t.equal((await failure(top.seek(frame, fd, 21, 'data'))).code, 'ENXIO');
  });
}
