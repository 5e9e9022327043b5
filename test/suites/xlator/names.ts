/** Tests of names: lookups, creation, removal and changes. */
import { Stable } from '#src/graph/fops.ts';
import { FileType } from '#src/graph/iatt.ts';
import type { Inode } from '#src/graph/inode.ts';
import { ANCESTRY_PATH } from '#src/graph/fops/virtual-xattrs.ts';
import { ROOT_GFID } from '#src/graph/gfid.ts';
import { failure, guarded, isFullIatt, steady, type Tests } from './hand.ts';

export function lookups(test: Tests): void {
  test('the root is itself, its own parent, and found by its gfid', async (t, { top, frame, root }) => {
    const iatt = await top.stat(frame, root);
    t.same(iatt.gfid, ROOT_GFID);
    t.equal(iatt.type, FileType.DIR);
    t.same(steady((await top.lookup(frame, root, '.')).iatt), steady(iatt));
    t.same(steady((await top.lookup(frame, root, '..')).iatt), steady(iatt));
    t.same(steady((await top.discover(frame, ROOT_GFID, undefined)).iatt), steady(iatt));
  });

  test('lookup, stat, fstat and discover agree', async (t, hand) => {
    const { top, frame, root } = hand;
    const dir = await hand.dir('d');
    const file = await hand.file('f', 'text', dir);
    const found = await top.lookup(frame, dir, 'f');
    t.same(steady(found.parent!), steady(await hand.stat(dir)));
    t.same(found.iatt.gfid, file.gfid);
    t.same(steady(await hand.stat(file)), steady(found.iatt));
    t.same(steady(await top.fstat(frame, file.fd)), steady(found.iatt));
    t.same(steady((await top.discover(frame, found.iatt.gfid, found.iatt.hint)).iatt), steady(found.iatt));
    t.same((await top.lookup(frame, dir, '..')).iatt.gfid, root.gfid);
    t.equal(found.iatt.size, 4);
    t.equal(found.iatt.nlink, 1);
  });

  test('a directory knows its parent, and another object does not', async (t, hand) => {
    const { top, frame, root } = hand;
    const path = async (inode: Inode) =>
      (await top.getxattr(frame, inode, ANCESTRY_PATH)).get(ANCESTRY_PATH)!.toString();
    const dir = await hand.dir('d');
    const below = await hand.dir('below', dir);
    t.strictSame(await Promise.all([root, dir, below].map(path)), ['/', '/d', '/d/below']);
    await top.rename(frame, dir, 'below', root, 'moved');
    t.equal(await path(below), '/moved');
    const file = await hand.file('f');
    t.equal((await failure(top.getxattr(frame, file, ANCESTRY_PATH))).code, 'ENODATA');
  });

  test('a missing name is ENOENT, a name below a file ENOTDIR, and a removed object ESTALE', async (t, hand) => {
    const { top, frame, root } = hand;
    const file = await hand.file('f');
    t.equal((await failure(top.lookup(frame, root, 'nothing'))).code, 'ENOENT');
    t.equal((await failure(top.lookup(frame, file, 'x'))).code, 'ENOTDIR');
    const { gfid, hint } = await hand.stat(file);
    await top.unlink(frame, root, 'f');
    t.equal((await failure(top.discover(frame, gfid, hint))).code, 'ESTALE');
  });

  test('names are bytes', async (t, hand) => {
    const bytes = [...Array(256).keys()].filter(byte => byte !== 0 && byte !== 0x2f);
    const names = [0, 128].map(from => String.fromCharCode(...bytes.filter(byte => byte >= from && byte < from + 128)));
    for (const name of names) {
      const inode = await hand.file(name);
      t.same((await hand.lookup(hand.root, name)).gfid, inode.gfid);
    }
    const entries = await hand.names('readdir', hand.root, 4096);
    t.same(new Set(entries.map(entry => entry.name)), new Set(['.', '..', ...names]));
    t.equal((await failure(hand.file('x'.repeat(256)))).code, 'ENAMETOOLONG');
  });
}

export function making(test: Tests): void {
  test('create is guarded, unchecked or exclusive (RFC 1813, 3.3.8)', async (t, hand) => {
    const { top, frame, root } = hand;
    const before = await hand.stat(root);
    const made = await top.create(frame, root, 'f', guarded);
    t.match(made.iatt, { type: FileType.REG, mode: 0o640, size: 0, nlink: 1 });
    t.same(steady(made.parent.before!), steady(before));
    t.same(steady(made.parent.after!), steady(await hand.stat(root)));

    const again = await failure(top.create(frame, root, 'f', guarded));
    t.equal(again.code, 'EEXIST');
    t.ok(
      isFullIatt(again.wcc?.before) && isFullIatt(again.wcc?.after),
      'the error has the attributes of the directory',
    );

    const inode = await hand.lookup(root, 'f');
    await top.writev(frame, inode.fd, Buffer.from('text'), 0, Stable.UNSTABLE);
    const unchecked = await top.create(frame, root, 'f', { mode: 'unchecked', attr: {} });
    t.same([unchecked.iatt.gfid, unchecked.iatt.size], [inode.gfid, 4]);
    const truncated = await top.create(frame, root, 'f', { mode: 'unchecked', attr: { size: 0 } });
    t.equal(truncated.iatt.size, 0);
    const { iatt: fifo } = await top.mknod(frame, root, 'p', FileType.FIFO, { mode: 0o640 }, { major: 0, minor: 0 });
    const found = await top.create(frame, root, 'p', { mode: 'unchecked', attr: { size: 0, mode: 0o600 } });
    t.match(
      found.iatt,
      { gfid: fifo.gfid, type: FileType.FIFO, mode: 0o640 },
      'an object that is not a file is left as it is',
    );

    const verifier = Buffer.from('verifier');
    const exclusive = await top.create(frame, root, 'x', { mode: 'exclusive', verifier });
    const repeated = await top.create(frame, root, 'x', { mode: 'exclusive', verifier: Buffer.from('verifier') });
    t.same(repeated.iatt.gfid, exclusive.iatt.gfid, 'a repeat of the call succeeds');
    const other = top.create(frame, root, 'x', { mode: 'exclusive', verifier: Buffer.from('another!') });
    t.equal((await failure(other)).code, 'EEXIST');
  });

  test('mkdir', async (t, hand) => {
    const { top, frame, root } = hand;
    const before = await hand.stat(root);
    const made = await top.mkdir(frame, root, 'd', { mode: 0o700 });
    t.match(made.iatt, { type: FileType.DIR, mode: 0o700 });
    t.same(steady(made.parent.before!), steady(before));
    t.same(steady(made.parent.after!), steady(await hand.stat(root)));
    t.equal((await failure(top.mkdir(frame, root, 'd', {}))).code, 'EEXIST');
  });

  test('symlink makes a link, and readlink reads it', async (t, hand) => {
    const { top, frame, root } = hand;
    const target = `../${'x'.repeat(300)}/\xff\xfe`;
    const made = await top.symlink(frame, root, 's', target, {});
    t.match(made.iatt, { type: FileType.LNK, size: target.length });
    const inode = await hand.lookup(root, 's');
    t.equal((await top.readlink(frame, inode)).target, target);
    t.equal((await failure(top.readlink(frame, await hand.file('f')))).code, 'EINVAL');
    t.equal((await failure(top.symlink(frame, root, 's', 'x', {}))).code, 'EEXIST');
  });

  test('mknod makes a fifo and a socket', async (t, { top, frame, root }) => {
    const device = { major: 0, minor: 0 };
    for (const [name, type] of [
      ['fifo', FileType.FIFO],
      ['socket', FileType.SOCK],
    ] as const) {
      const { iatt } = await top.mknod(frame, root, name, type, { mode: 0o600 }, device);
      t.match(iatt, { type, mode: 0o600, size: 0 });
      t.equal((await top.lookup(frame, root, name)).iatt.type, type);
    }
    t.equal((await failure(top.mknod(frame, root, 'fifo', FileType.FIFO, {}, device))).code, 'EEXIST');
  });

  test('link gives one object two names', async (t, hand) => {
    const { top, frame, root } = hand;
    const inode = await hand.file('a', 'text');
    const dir = await hand.dir('d');
    const made = await top.link(frame, inode, dir, 'b');
    t.match(made.iatt, { nlink: 2, size: 4 });
    t.same(made.iatt.gfid, inode.gfid);
    t.same(steady(made.parent.after!), steady(await hand.stat(dir)));
    t.equal((await failure(top.link(frame, inode, root, 'a'))).code, 'EEXIST');
    await top.unlink(frame, root, 'a');
    t.equal(await hand.content(await hand.lookup(dir, 'b')), 'text');
  });
}

export function removing(test: Tests): void {
  test('unlink removes a name once', async (t, hand) => {
    const { top, frame, root } = hand;
    const inode = await hand.file('f');
    const { parent } = await top.unlink(frame, root, 'f');
    t.ok(isFullIatt(parent.before));
    t.same(steady(parent.after!), steady(await hand.stat(root)));
    t.equal((await failure(top.lookup(frame, root, 'f'))).code, 'ENOENT');
    const again = await failure(top.unlink(frame, root, 'f'));
    t.equal(again.code, 'ENOENT');
    t.ok(isFullIatt(again.wcc?.after), 'the error has the attributes of the directory');
    t.equal((await failure(hand.stat(inode))).code, 'ESTALE');
    await hand.dir('d');
    t.equal((await failure(top.unlink(frame, root, 'd'))).code, 'EISDIR');
  });

  test('rmdir removes only empty directories', async (t, hand) => {
    const { top, frame, root } = hand;
    const dir = await hand.dir('d');
    await hand.file('f', '', dir);
    t.equal((await failure(top.rmdir(frame, root, 'd'))).code, 'ENOTEMPTY');
    t.equal((await failure(top.rmdir(frame, dir, 'f'))).code, 'ENOTDIR');
    await top.unlink(frame, dir, 'f');
    const { parent } = await top.rmdir(frame, root, 'd');
    t.same(steady(parent.after!), steady(await hand.stat(root)));
    t.equal((await failure(top.rmdir(frame, root, 'd'))).code, 'ENOENT');
  });

  test('rename', async (t, hand) => {
    const { top, frame, root } = hand;
    const [from, to] = [await hand.dir('from'), await hand.dir('to')];
    const file = await hand.file('a', 'mine', from);
    await hand.file('b', 'theirs', to);
    const before = [await hand.stat(from), await hand.stat(to)];
    const renamed = await top.rename(frame, from, 'a', to, 'b');
    t.same([renamed.from.before!, renamed.to.before!].map(steady), before.map(steady));
    t.same(steady(renamed.from.after!), steady(await hand.stat(from)));
    t.same(steady(renamed.to.after!), steady(await hand.stat(to)));
    const moved = await hand.lookup(to, 'b');
    t.same(moved.gfid, file.gfid, 'it is the same object');
    t.equal(await hand.content(moved), 'mine');

    const gone = await failure(top.rename(frame, from, 'a', to, 'c'));
    t.equal(gone.code, 'ENOENT');
    t.ok(
      isFullIatt(gone.wcc?.after) && isFullIatt(gone.toWcc?.after),
      'the error has the attributes of both directories',
    );
    t.equal((await failure(top.rename(frame, root, 'to', to, 'itself'))).code, 'EINVAL');
    t.equal((await failure(top.rename(frame, to, 'b', root, 'from'))).code, 'EISDIR');
    await top.rename(frame, root, 'to', from, 'inside');
    t.equal(await hand.content(await hand.lookup(await hand.lookup(from, 'inside'), 'b')), 'mine');
  });
}
