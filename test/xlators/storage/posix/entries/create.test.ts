import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readlinkSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import t from 'tap';
import { FopError } from '#src/graph/fops.ts';
import { FileType, type Iatt } from '#src/graph/iatt.ts';
import { identityOf } from '#src/graph/identity.ts';
import {
  codeOf,
  eachMode,
  frameOf,
  inodeOf,
  needsRoot,
  makePlace,
  open,
  other,
  root,
  startBrick,
  user,
} from '../support/brick-test.ts';

const guarded = (attr = {}) => ({ mode: 'guarded', attr }) as const;
const unchecked = (attr = {}) => ({ mode: 'unchecked', attr }) as const;
const exclusive = (hex: string) => ({ mode: 'exclusive', verifier: Buffer.from(hex, 'hex') }) as const;
const D = { major: 0, minor: 0 };

eachMode(
  t,
  'a new file belongs to the caller, has exactly the mode asked for, and comes with the change of the directory',
  async (t, s) => {
    const { fops, top, path } = await open(t, s);
    const before = await fops.stat(root, top);
    const { iatt, parent } = await fops.create(user, top, 'f', guarded({ mode: 0o4666 }));
    t.match(iatt, { type: FileType.REG, mode: 0o4666, uid: 1000, gid: 1000, size: 0, nlink: 1 });
    t.same(parent.before, before);
    t.same(parent.after, await fops.stat(root, top));
    t.notSame(parent.before, parent.after);
    t.equal(statSync(path('f')).mode & 0o7777, 0o4666);
    const set = await fops.create(user, top, 'g', guarded({ mode: 0o644, size: 5000, mtime: { sec: -5, nsec: 7 } }));
    t.match(set.iatt, { size: 5000, mtime: -5, mtimeNsec: 7 });
  },
);

eachMode(t, 'a directory with S_ISGID gives its group to new objects in it', async (t, s) => {
  const { fops, top } = await open(t, s);
  const made = await fops.mkdir(root, top, 'd', { mode: 0o2777, gid: 2000 });
  t.match(made.iatt, { mode: 0o2777, gid: 2000, uid: 0, type: FileType.DIR });
  const dir = inodeOf(made.iatt);
  t.match((await fops.create(user, dir, 'f', guarded({ mode: 0o644 }))).iatt, { uid: 1000, gid: 2000 });
  t.match((await fops.mkdir(user, dir, 'd', { mode: 0o755 })).iatt, { gid: 2000, mode: 0o2755 });
  t.match((await fops.symlink(user, dir, 'l', 'x', {})).iatt, { gid: 2000, type: FileType.LNK });
});

eachMode(
  t,
  'for an existing name GUARDED refuses, and UNCHECKED sets the size of a file and nothing else',
  async (t, s) => {
    const { fops, top, path } = await open(t, s);
    writeFileSync(path('f'), 'hello');
    chmodSync(path('f'), 0o666);
    mkdirSync(path('d'));
    symlinkSync('nowhere', path('l'));
    const failure = await fops.create(user, top, 'f', guarded()).catch((error: unknown) => error);
    t.ok(failure instanceof FopError);
    t.match(failure, { code: 'EEXIST', wcc: { before: { type: FileType.DIR }, after: { type: FileType.DIR } } });
    const kept = await fops.create(user, top, 'f', unchecked({ mode: 0o600, uid: 5 }));
    t.match(kept.iatt, { size: 5, mode: 0o666, uid: 0 });
    t.match((await fops.create(user, top, 'f', unchecked({ mode: 0o600, size: 2 }))).iatt, { size: 2, mode: 0o666 });
    chmodSync(path('f'), 0o644);
    t.equal(await codeOf(fops.create(user, top, 'f', unchecked({ size: 0 }))), 'EACCES');
    t.match(await fops.create(user, top, 'f', unchecked({})), { iatt: { size: 2 } });
    for (const name of ['d', 'l', '.', '..']) {
      for (const how of [guarded(), exclusive('0000000100000002')]) {
        t.equal(await codeOf(fops.create(user, top, name, how)), 'EEXIST', `${how.mode} ${name}`);
      }
    }
    for (const name of ['d', 'l']) {
      const { iatt } = await fops.create(user, top, name, unchecked({ mode: 0o600, size: 0 }));
      t.strictSame(
        iatt,
        (await fops.lookup(user, top, name)).iatt,
        `unchecked ${name}: the existing object is returned`,
      );
    }
    t.equal(readlinkSync(path('l')), 'nowhere');
    t.notOk(existsSync(path('nowhere')));
  },
);

eachMode(
  t,
  'EXCLUSIVE succeeds again with the same verifier and fails with another, also after a restart',
  async (t, s) => {
    const place = makePlace(t);
    chmodSync(place.dir, 0o777);
    const first = await startBrick(t, place, s);
    const how = exclusive('fedcba9887654321');
    const { iatt } = await first.fops.create(user, first.root, 'lock', how);
    t.match(iatt, { size: 0, uid: 1000, type: FileType.REG });
    const same = (made: { iatt: Iatt }) => made.iatt.gfid.equals(iatt.gfid);
    t.ok(same(await first.fops.create(user, first.root, 'lock', how)));
    t.equal(await codeOf(first.fops.create(user, first.root, 'lock', exclusive('fedcba9887654322'))), 'EEXIST');
    await first.stop();
    const { fops, root: top } = await startBrick(t, place, s);
    t.ok(same(await fops.create(user, top, 'lock', how)));
    t.equal(await codeOf(fops.create(user, top, 'lock', exclusive('0edcba9887654321'))), 'EEXIST');
    const file = inodeOf(iatt);
    await fops.setattr(user, file, { mode: 0o644, atime: 'now', mtime: 'now' });
    t.equal(
      await codeOf(fops.create(user, top, 'lock', how)),
      'EEXIST',
      'refused once the client has gone on with the file',
    );
    t.match(await fops.stat(user, file), { mode: 0o644 });
  },
);

t.test(
  'EXCLUSIVE gives a file that a killed server left half-made to the client that asks again',
  needsRoot,
  async t => {
    const { fops, top, path } = await open(t);
    const { utimesSync, chownSync } = await import('node:fs');
    writeFileSync(path('lock'), '');
    chownSync(path('lock'), 1000, 1000);
    chmodSync(path('lock'), 0o1000);
    t.equal(
      await codeOf(fops.create(user, top, 'lock', exclusive('0000000100000002'))),
      'EEXIST',
      'made since our start',
    );
    utimesSync(path('lock'), 1, 1);
    t.equal(
      await codeOf(fops.create(other, top, 'lock', exclusive('0000000100000002'))),
      'EEXIST',
      'the file belongs to another client',
    );
  },
);

eachMode(t, 'fifos, sockets and devices are made', async (t, s) => {
  const { fops, top, path } = await open(t, s);
  t.match((await fops.mknod(user, top, 'fifo', FileType.FIFO, { mode: 0o644 }, D)).iatt, {
    type: FileType.FIFO,
    mode: 0o644,
  });
  t.match((await fops.mknod(user, top, 'sock', FileType.SOCK, { mode: 0o600 }, D)).iatt, {
    type: FileType.SOCK,
    uid: 1000,
  });
  t.equal(await codeOf(fops.mknod(user, top, 'null', FileType.CHR, { mode: 0o666 }, { major: 1, minor: 3 })), 'EPERM');
  const node = await fops.mknod(root, top, 'null', FileType.CHR, { mode: 0o666 }, { major: 1, minor: 3 });
  t.match(node.iatt, { type: FileType.CHR, rdevMajor: 1, rdevMinor: 3 });
  const large = await fops.mknod(root, top, 'b', FileType.BLK, { mode: 0o600 }, { major: 0x1bc, minor: 0x34321 });
  t.match(large.iatt, { type: FileType.BLK, rdevMajor: 0x1bc, rdevMinor: 0x34321 });
  t.equal(await codeOf(fops.mknod(root, top, 'x', FileType.BLK, {}, { major: 0x1000, minor: 0 })), 'EINVAL');
  t.equal(await codeOf(fops.mknod(root, top, 'x', FileType.DIR, {}, D)), 'EINVAL');
  t.equal(await codeOf(fops.mknod(root, top, 'fifo', FileType.FIFO, {}, D)), 'EEXIST');
  t.ok(lstatSync(path('sock')).isSocket());
  const fifo = inodeOf((await fops.lookup(root, top, 'fifo')).iatt);
  t.equal(
    await codeOf(fops.readv(root, fifo.fd, 1, 0)),
    'EINVAL',
    'a fifo is not opened, because that would wait for a writer',
  );
  t.equal(await codeOf(fops.setattr(user, fifo, { size: 0 })), 'EINVAL');
  t.match(await fops.setattr(user, fifo, { mode: 0o600, mtime: { sec: 9, nsec: 0 } }), {
    after: { mode: 0o600, mtime: 9 },
  });
});

eachMode(t, 'symlinks may hold any bytes', async (t, s) => {
  const { fops, top } = await open(t, s);
  const target = '\xff../\x01'.repeat(100);
  const { iatt } = await fops.symlink(user, top, 'l', target, { mode: 0o123 });
  t.match(iatt, { type: FileType.LNK, size: target.length, uid: 1000 });
  t.equal((await fops.readlink(user, inodeOf(iatt))).target, target);
  t.equal(await codeOf(fops.symlink(user, top, 'l', 'x', {})), 'EEXIST');
  t.equal(await codeOf(fops.symlink(user, top, 'e', '', {})), 'ENOENT');
  t.equal(await codeOf(fops.symlink(user, top, 'e', 'x'.repeat(4096), {})), 'ENAMETOOLONG');
  const wcc = await fops.setattr(user, inodeOf(iatt), { mode: 0o600, mtime: { sec: 1, nsec: 2 } });
  t.match(wcc.after, { mode: 0o777, mtime: 1, mtimeNsec: 2 }, 'the mode stays, and the times are those of the symlink');
});

eachMode(t, 'ids sent along are binding for root, and dropped for others that may not set them', async (t, s) => {
  const { fops, top } = await open(t, s);
  t.match((await fops.create(root, top, 'a', guarded({ uid: 5, gid: 6, mode: 0o4755 }))).iatt, {
    uid: 5,
    gid: 6,
    mode: 0o4755,
  });
  t.match((await fops.create(user, top, 'b', guarded({ uid: 5, gid: 6 }))).iatt, { uid: 1000, gid: 1000 });
  const member = frameOf(identityOf(1000, 1000, [7]));
  t.match((await fops.create(member, top, 'c', guarded({ gid: 7 }))).iatt, { uid: 1000, gid: 7 });
  t.match((await fops.mkdir(user, top, 'd', { uid: 5 })).iatt, { uid: 1000 });
});

eachMode(t, 'an object that cannot be made as asked for is not left behind', async (t, s) => {
  const { brick, fops, top } = await open(t, s);
  const names = () => brick.names(top);
  t.equal(await codeOf(fops.create(user, top, 'a', guarded({ size: -1 }))), 'EINVAL');
  t.equal(await codeOf(fops.create(user, top, 'b', guarded({ mtime: { sec: 1, nsec: 2e9 } }))), 'EINVAL');
  t.equal(await codeOf(fops.mkdir(user, top, 'c', { mtime: { sec: 1, nsec: 2e9 } })), 'EINVAL');
  t.equal(await codeOf(fops.symlink(user, top, 'd', 'x', { mtime: { sec: 1, nsec: 2e9 } })), 'EINVAL');
  t.same((await names()).sort(), ['.', '..']);
});

eachMode(t, 'a caller that may not write to the directory makes nothing', async (t, s) => {
  const { fops, top, path } = await open(t, s);
  chmodSync(path('.'), 0o755);
  t.equal(await codeOf(fops.create(user, top, 'a', guarded())), 'EACCES');
  t.equal(await codeOf(fops.create(user, top, 'a', exclusive('0000000100000002'))), 'EACCES');
  t.equal(await codeOf(fops.mkdir(user, top, 'a', {})), 'EACCES');
  t.equal(await codeOf(fops.symlink(user, top, 'a', 'x', {})), 'EACCES');
  t.equal(await codeOf(fops.mknod(user, top, 'a', FileType.FIFO, {}, D)), 'EACCES');
  t.equal(await codeOf(fops.mkdir(root, top, 'x'.repeat(256), {})), 'ENAMETOOLONG');
  const file = inodeOf((await fops.create(root, top, 'file', guarded())).iatt);
  t.equal(await codeOf(fops.create(root, file, 'a', guarded())), 'ENOTDIR');
});
