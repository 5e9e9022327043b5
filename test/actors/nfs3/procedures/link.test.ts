/** LINK, procedure 15 (RFC 1813, 3.3.15). */
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { AUTH_ROOT, authSys, serveNfs, type ServedNfs, temporaryDir } from '../../../support/nfs.ts';
import * as nfs3 from '../../../support/nfs3/common.ts';
import { ERR, NO_WCC, OK, unseen } from '../../../support/nfs3/common.ts';
import {
  accepted,
  call,
  expectNfs3,
  expectReply,
  fattr3,
  opaque,
  postOp,
  text,
  time,
  wcc,
  wccAttr,
  word64,
} from '../../../support/wire.ts';

const GETATTR = 1;
const LINK = 15;
/** LINK3args: the handle of the object, the handle of the directory, the name. */
const argsOf = (file: string, dir: string, name: string) => `${opaque(file)} ${opaque(dir)} ${text(name)}`;

interface Linking {
  readonly dir?: string;
  readonly status?: string;
  readonly auth?: string;
}

/** Links `file` as `name`, and compares the reply: `status`, file_attributes, linkdir_wcc. */
async function link(t: Test, served: ServedNfs, file: string, name: string, how: Linking = {}) {
  const { dir = '', status = OK, auth = AUTH_ROOT } = how;
  const paths = [join(served.dir, file), join(served.dir, dir)] as const;
  const args = argsOf(await served.handle(file), await served.handle(dir), name);
  const before = wccAttr(paths[1]);
  const result = () => `${status} ${postOp(paths[0])} ${wcc(before, paths[1])}`;
  await expectNfs3(t, served, LINK, args, result, auth);
}

t.test('a request and its reply, byte by byte', async t => {
  const served = await serveNfs(t);
  const path = join(served.dir, 'old');
  writeFileSync(path, 'x');
  const [root, file] = [await served.handle(''), await served.handle('old')];
  const { size, mtimeNs, ctimeNs } = lstatSync(served.dir, { bigint: true });
  const reply = await served.exchange(
    call(
      'nfs3',
      LINK,
      `${opaque(file)}         // file
       ${opaque(root)}         // link.dir
       00000003 6e657700       // link.name: 3 bytes, "new"`,
    ),
  );
  t.equal(lstatSync(path).nlink, 2);
  expectReply(
    t,
    reply,
    `${accepted}
    00000000                                          // NFS3_OK
    00000001 ${fattr3(path)}                          // file_attributes: with a link more
    00000001 ${word64(size)} ${time(mtimeNs)} ${time(ctimeNs)}   // linkdir_wcc.before: size, mtime, ctime
    00000001 ${fattr3(served.dir)}                    // linkdir_wcc.after`,
  );
  t.strictSame(nfs3.namesIn(served.dir), ['new', 'old']);
});

t.test('objects of every type except directories; both names have the same handle', async t => {
  const served = await serveNfs(t);
  mkdirSync(join(served.dir, 'd'));
  const socket = createServer().listen(join(served.dir, 'a socket'));
  t.teardown(() => socket.close());
  await new Promise(resolve => socket.once('listening', resolve));
  const types: Record<string, (path: string) => void> = {
    'a file': path => writeFileSync(path, 'x'),
    'a symlink': path => symlinkSync('nowhere', path),
    'a symlink to a directory': path => symlinkSync('d', path),
    'a fifo': path => execFileSync('mkfifo', [path]),
    'a character device': path => execFileSync('mknod', [path, 'c', '1', '3']),
    'a block device': path => execFileSync('mknod', [path, 'b', '7', '0']),
    'a socket': () => {},
  };
  for (const [type, make] of Object.entries(types)) {
    await t.test(type, async t => {
      make(join(served.dir, type));
      await link(t, served, type, type, { dir: 'd' });
      const [old, made] = [lstatSync(join(served.dir, type)), lstatSync(join(served.dir, 'd', type))];
      t.strictSame([made.ino, made.nlink], [old.ino, 2]);
      t.equal(await served.handle(`d/${type}`), await served.handle(type));
    });
  }
  t.equal(readlinkSync(join(served.dir, 'd', 'a symlink')), 'nowhere');
});

t.test('an object that has lost the name by which its handle was found, and has another', async t => {
  const served = await serveNfs(t);
  writeFileSync(join(served.dir, 'a'), 'x');
  const file = await served.handle('a');
  linkSync(join(served.dir, 'a'), join(served.dir, 'b'));
  rmSync(join(served.dir, 'a'));
  const args = argsOf(file, await served.handle(''), 'c');
  const before = wccAttr(served.dir);
  await expectNfs3(t, served, LINK, args, () => `${OK} ${postOp(join(served.dir, 'c'))} ${wcc(before, served.dir)}`);
  t.strictSame(nfs3.namesIn(served.dir), ['b', 'c']);
});

t.test('names of 255 bytes and of every byte', async t => {
  const served = await serveNfs(t);
  writeFileSync(join(served.dir, 'file'), 'x');
  mkdirSync(join(served.dir, 'd'));
  const [file, dir] = [opaque(await served.handle('file')), opaque(await served.handle('d'))];
  const names = [...nfs3.EVERY_BYTE, '78'.repeat(255)];
  for (const name of names) {
    const reply = await served.exchange(call('nfs3', LINK, `${file} ${dir} ${opaque(name)}`));
    if (nfs3.statusOf(reply) !== OK) t.fail(`${name}: status ${nfs3.statusOf(reply)}`);
  }
  t.strictSame(nfs3.hexNamesIn(join(served.dir, 'd')), names.sort());
  t.equal(lstatSync(join(served.dir, 'file')).nlink, 1 + names.length);
});

t.test('what the brick refuses has wcc_data', async t => {
  const served = await serveNfs(t);
  const { dir } = served;
  chmodSync(dir, 0o755);
  for (const name of ['d', 'other', 'open', 'full/x']) mkdirSync(join(dir, name), { recursive: true });
  chmodSync(join(dir, 'open'), 0o777);
  for (const name of ['f', 'g']) writeFileSync(join(dir, name), name);
  symlinkSync('nowhere', join(dir, 'l'));
  const names = nfs3.namesIn(dir);
  const stranger = authSys(1000, 1001);
  const cases = [
    { name: 'EXIST: a file', file: 'f', to: 'g', status: ERR.EXIST },
    { name: 'EXIST: itself', file: 'f', to: 'f', status: ERR.EXIST },
    { name: 'EXIST: a symlink to nothing', file: 'f', to: 'l', status: ERR.EXIST },
    { name: 'EXIST: a directory', file: 'f', to: 'd', status: ERR.EXIST },
    { name: 'ACCES: into a directory of another user', file: 'f', to: 'new', status: ERR.ACCES, auth: stranger },
    { name: 'PERM: a directory', file: 'other', to: 'new', status: ERR.PERM },
    { name: 'PERM: a directory with entries', file: 'full', dir: 'd', to: 'new', status: ERR.PERM },
    { name: 'PERM: a directory in itself', file: 'd', dir: 'd', to: 'd', status: ERR.PERM },
  ];
  for (const { name, file, to, ...how } of cases) {
    await t.test(name, async t => {
      await link(t, served, file, to, how);
      t.strictSame(nfs3.namesIn(dir), names);
    });
  }
  await t.test('a file of another user: as fs.protected_hardlinks has it', async t => {
    const kept = readFileSync('/proc/sys/fs/protected_hardlinks', 'latin1').trim() === '1';
    chmodSync(join(dir, 'f'), 0o644);
    await link(t, served, 'f', 'new', { dir: 'open', status: kept ? ERR.PERM : OK, auth: stranger });
    t.equal(lstatSync(join(dir, 'f')).nlink, kept ? 1 : 2);
  });
});

t.test('into directories of the caller and of a group of the caller', async t => {
  const served = await serveNfs(t);
  chmodSync(served.dir, 0o755);
  for (const [name, uid, gid, mode] of [
    ['own', 1000, 0, 0o755],
    ['group', 0, 2000, 0o775],
  ] as const) {
    mkdirSync(join(served.dir, name));
    chownSync(join(served.dir, name), uid, gid);
    chmodSync(join(served.dir, name), mode);
  }
  writeFileSync(join(served.dir, 'f'), '');
  chownSync(join(served.dir, 'f'), 1000, 1001);
  const auth = authSys(1000, 1001, [2000]);
  await link(t, served, 'f', 'x', { dir: 'own', auth });
  await link(t, served, 'f', 'x', { dir: 'group', auth });
  t.strictSame(nfs3.namesIn(served.dir), ['f', 'group', 'group/x', 'own', 'own/x']);
});

t.test('into an object that is not a directory: NOTDIR', async t => {
  const served = await serveNfs(t);
  for (const name of ['f', 'g']) writeFileSync(join(served.dir, name), '');
  const args = argsOf(await served.handle('f'), await served.handle('g'), 'new');
  await expectNfs3(t, served, LINK, args, () => {
    return `${ERR.NOTDIR} ${postOp(join(served.dir, 'f'))} ${unseen(join(served.dir, 'g'))}`;
  });
});

t.test('impossible names are refused', async t => {
  const served = await serveNfs(t);
  const path = join(served.dir, 'f');
  writeFileSync(path, '');
  const [file, root] = [opaque(await served.handle('f')), opaque(await served.handle(''))];
  const arm = () => `${postOp(path)} ${unseen(served.dir)}`;
  const dots = { dot: ERR.EXIST, dotDot: ERR.EXIST };
  await nfs3.refusesNames(t, served, LINK, name => `${file} ${root} ${name}`, arm, dots);
});

t.test('invalid handles are refused', async t => {
  const served = await serveNfs(t);
  writeFileSync(join(served.dir, 'f'), '');
  const [file, root] = [opaque(await served.handle('f')), opaque(await served.handle(''))];
  const shown = `00000001 ${'.'.repeat(2 * 84)}`;
  await t.test('the object', async t => {
    const arms = [`00000000 00000000 ${shown}`, `00000000 00000001 ${'.'.repeat(2 * 24)} ${shown}`] as const;
    await nfs3.refusesHandles(t, served, LINK, handle => `${handle} ${root} ${text('new')}`, ...arms);
    const one = `${opaque('00')} ${root} ${text('new')}`;
    await expectNfs3(t, served, LINK, one, () => `${ERR.BADHANDLE} 00000000 ${unseen(served.dir)}`);
  });
  await t.test('the directory', async t => {
    await nfs3.refusesHandles(t, served, LINK, handle => `${file} ${handle} ${text('new')}`, `${shown} ${NO_WCC}`);
  });
  await t.test('both', async t => {
    await nfs3.refusesHandles(t, served, LINK, handle => `${handle} ${handle} ${text('new')}`, `00000000 ${NO_WCC}`);
  });
});

t.test('invalid arguments are refused', async t => {
  const served = await serveNfs(t);
  writeFileSync(join(served.dir, 'f'), '');
  await nfs3.refusesGarbage(t, served, LINK, argsOf(await served.handle('f'), await served.handle(''), 'new'));
});

t.test('an object or a directory that was removed: STALE', async t => {
  const served = await serveNfs(t);
  const [dir, f, g] = ['d', 'f', 'g'].map(name => join(served.dir, name)) as [string, string, string];
  mkdirSync(dir);
  for (const path of [f, g]) writeFileSync(path, '');
  const handles = [await served.handle('d'), await served.handle('f'), await served.handle('g')] as const;
  await link(t, served, 'f', 'x', { dir: 'd' });
  for (const path of [f, join(dir, 'x')]) rmSync(path);
  const before = wccAttr(dir);
  await expectNfs3(
    t,
    served,
    LINK,
    argsOf(handles[1], handles[0], 'y'),
    () => `${ERR.STALE} 00000000 ${wcc(before, dir)}`,
  );
  rmSync(dir, { recursive: true });
  await expectNfs3(t, served, LINK, argsOf(handles[2], handles[0], 'y'), () => `${ERR.STALE} ${postOp(g)} ${NO_WCC}`);
});

t.test('between two volumes: XDEV', async t => {
  const elsewhere = await temporaryDir(t, 'other');
  const layers = `volume vol
  type debug/io-stats
  subvolumes brick
end-volume
volume other
  type storage/posix
  option directory ${elsewhere}
end-volume`;
  const served = await serveNfs(t, { layers, volumes: ['vol', 'other'] });
  const path = join(served.dir, 'f');
  writeFileSync(path, 'x');
  const mounted = await served.exchange(call('mount3', 1, text('/other')));
  const other = mounted.toString('hex', 32, 32 + mounted.readUInt32BE(28));
  const args = argsOf(await served.handle('f'), other, 'g');
  await expectNfs3(t, served, LINK, args, () => `${ERR.XDEV} ${postOp(path)} ${unseen(elsewhere)}`);
  t.strictSame(nfs3.namesIn(elsewhere), []);
});

t.test('a read-only volume refuses: ROFS', async t => {
  for (const [name, options, known] of [
    ['an export', nfs3.READ_ONLY_EXPORT, false],
    ['a layer', nfs3.READ_ONLY_LAYER, true],
  ] as const) {
    await t.test(name, async t => {
      const served = await serveNfs(t, options);
      const path = join(served.dir, 'f');
      writeFileSync(path, '');
      const args = argsOf(await served.handle('f'), await served.handle(''), 'g');
      const arm = () => wcc(known ? wccAttr(served.dir) : undefined, served.dir);
      await expectNfs3(t, served, LINK, args, () => `${ERR.ROFS} ${postOp(path)} ${arm()}`);
      t.strictSame(nfs3.namesIn(served.dir), ['f']);
    });
  }
});

t.test('errors of the brick have their statuses', async t => {
  await nfs3.refusesFailures(t, LINK, 'link', async served => {
    const path = join(served.dir, 'f');
    writeFileSync(path, '');
    const args = argsOf(await served.handle('f'), await served.handle(''), 'g');
    return { args, arm: () => `${postOp(path)} ${unseen(served.dir)}` };
  });
});

t.test('the new link is seen in the attributes of a handle that the client already has', async t => {
  const served = await serveNfs(t);
  const path = join(served.dir, 'f');
  writeFileSync(path, '');
  const handle = await served.handle('f');
  await link(t, served, 'f', 'g');
  rmSync(path);
  await expectNfs3(t, served, GETATTR, opaque(handle), () => `${OK} ${fattr3(join(served.dir, 'g'))}`);
});
