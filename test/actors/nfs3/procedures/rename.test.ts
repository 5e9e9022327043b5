/** RENAME, procedure 14 (RFC 1813, 3.3.14). */
import {
  chmodSync,
  chownSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import t, { type Test } from 'tap';
import { AUTH_ROOT, authSys, serveNfs, type ServedNfs, temporaryDir } from '../../../support/nfs.ts';
import { expectStale } from '../../../support/nfs3/remove.ts';
import * as nfs3 from '../../../support/nfs3/common.ts';
import { ERR, NO_WCC, OK, unseen } from '../../../support/nfs3/common.ts';
import {
  accepted,
  call,
  expectNfs3,
  expectReply,
  fattr3,
  opaque,
  text,
  time,
  wcc,
  wccAttr,
  word64,
} from '../../../support/wire.ts';

const GETATTR = 1;
const RENAME = 14;

/** RENAME3args: the old directory and name, the new directory and name. */
const argsOf = (from: string, fromName: string, to: string, toName: string) =>
  `${opaque(from)} ${text(fromName)} ${opaque(to)} ${text(toName)}`;

const split = (path: string): [string, string] => {
  const dir = dirname(path);
  return [dir === '.' ? '' : dir, path.slice(path.lastIndexOf('/') + 1)];
};

/** Moves one path of the volume to another, and compares the reply: `status`, fromdir_wcc, todir_wcc. */
async function move(t: Test, served: ServedNfs, from: string, to: string, status: string = OK, auth = AUTH_ROOT) {
  const [fromDir, fromName] = split(from);
  const [toDir, toName] = split(to);
  const args = argsOf(await served.handle(fromDir), fromName, await served.handle(toDir), toName);
  const paths = [join(served.dir, fromDir), join(served.dir, toDir)] as const;
  const before = paths.map(wccAttr);
  const result = () => `${status} ${wcc(before[0], paths[0])} ${wcc(before[1], paths[1])}`;
  await expectNfs3(t, served, RENAME, args, result, auth);
}

t.test('a request and its reply, byte by byte', async t => {
  const served = await serveNfs(t);
  writeFileSync(join(served.dir, 'old'), 'x');
  mkdirSync(join(served.dir, 'dir'));
  const root = await served.handle('');
  const dir = await served.handle('dir');
  const before = [served.dir, join(served.dir, 'dir')].map(path => {
    const { size, mtimeNs, ctimeNs } = lstatSync(path, { bigint: true });
    return `${word64(size)} ${time(mtimeNs)} ${time(ctimeNs)}`;
  });
  const reply = await served.exchange(
    call(
      'nfs3',
      RENAME,
      `${opaque(root)}         // from.dir
       00000003 6f6c6400       // from.name: 3 bytes, "old"
       ${opaque(dir)}          // to.dir
       00000005 6e6577657200 0000   // to.name: 5 bytes, "newer"`,
    ),
  );
  expectReply(
    t,
    reply,
    `${accepted}
    00000000                                     // NFS3_OK
    00000001 ${before[0]}                        // fromdir_wcc.before: size, mtime, ctime
    00000001 ${fattr3(served.dir)}               // fromdir_wcc.after
    00000001 ${before[1]}                        // todir_wcc.before
    00000001 ${fattr3(join(served.dir, 'dir'))}  // todir_wcc.after`,
  );
  t.strictSame(nfs3.namesIn(served.dir), ['dir', 'dir/newer']);
});

t.test('the handles of the moved object and of objects below it stay valid', async t => {
  const served = await serveNfs(t);
  mkdirSync(join(served.dir, 'a', 'b'), { recursive: true });
  mkdirSync(join(served.dir, 'c'));
  writeFileSync(join(served.dir, 'a', 'b', 'f'), 'x');
  const handles = [await served.handle('a'), await served.handle('a/b'), await served.handle('a/b/f')];
  await move(t, served, 'a', 'c/z');
  await move(t, served, 'c/z/b/f', 'g');
  const paths = ['c/z', 'c/z/b', 'g'].map(path => join(served.dir, path));
  for (const [i, handle] of handles.entries()) {
    await expectNfs3(t, served, GETATTR, opaque(handle), () => `${OK} ${fattr3(paths[i]!)}`);
  }
  t.strictSame(nfs3.namesIn(served.dir), ['c', 'c/z', 'c/z/b', 'g']);
});

t.test('a symlink is moved, and not its target', async t => {
  const served = await serveNfs(t);
  writeFileSync(join(served.dir, 'a'), '');
  symlinkSync('a', join(served.dir, 'l'));
  await move(t, served, 'l', 'm');
  t.equal(readlinkSync(join(served.dir, 'm')), 'a');
});

/**
 * Renames over existing objects. One of the same kind is replaced. For one of another kind RFC 1813, 3.3.14 tells of
 * EXIST, and lists ISDIR, NOTDIR and NOTEMPTY as well, which programs on the client expect.
 */
const REPLACED: Record<string, { from: string; to: string; status?: string; after?: string[] }> = {
  'a file over a file': { from: 'f', to: 'g' },
  'a file over a symlink': { from: 'f', to: 'l' },
  'a symlink over a file': { from: 'l', to: 'f' },
  'a directory over an empty one': { from: 'full', to: 'empty' },
  'a directory over one elsewhere': { from: 'full', to: 'other/empty' },
  'ISDIR: a file over a directory': { from: 'f', to: 'empty', status: ERR.ISDIR },
  'ISDIR: a file over a full directory': { from: 'f', to: 'full', status: ERR.ISDIR },
  'NOTDIR: a directory over a file': { from: 'empty', to: 'f', status: ERR.NOTDIR },
  'NOTDIR: a directory over a symlink to one': { from: 'full', to: 'dirlink', status: ERR.NOTDIR },
  'NOTEMPTY: a directory over a full one': { from: 'empty', to: 'full', status: ERR.NOTEMPTY },
  'NOTEMPTY: a directory over its parent': { from: 'full/sub', to: 'full', status: ERR.NOTEMPTY },
  'NOENT: a name that does not exist': { from: 'nothing', to: 'new', status: ERR.NOENT },
  'NOENT: a name that does not exist over a file': { from: 'nothing', to: 'f', status: ERR.NOENT },
  'INVAL: a directory into itself': { from: 'full', to: 'full/new', status: ERR.INVAL },
  'INVAL: a directory into its child': { from: 'full', to: 'full/sub/new', status: ERR.INVAL },
};

for (const [name, { from, to, status }] of Object.entries(REPLACED)) {
  t.test(name, async t => {
    const served = await serveNfs(t);
    const { dir } = served;
    writeFileSync(join(dir, 'f'), 'f');
    writeFileSync(join(dir, 'g'), 'g');
    symlinkSync('nowhere', join(dir, 'l'));
    symlinkSync('empty', join(dir, 'dirlink'));
    for (const path of ['empty', 'full/sub', 'other/empty']) mkdirSync(join(dir, path), { recursive: true });
    const names = nfs3.namesIn(dir);
    if (status !== undefined) {
      await move(t, served, from, to, status);
      t.strictSame(nfs3.namesIn(dir), names);
      return;
    }
    const moved = await served.handle(from);
    const replaced = await served.handle(to);
    const { ino } = lstatSync(join(dir, from));
    await move(t, served, from, to);
    t.notOk(existsSync(join(dir, from)));
    t.equal(lstatSync(join(dir, to)).ino, ino);
    t.equal(await served.handle(to), moved, 'the object keeps its handle');
    await expectStale(t, served, replaced);
  });
}

t.test('to the same name, or to another name of the same file: nothing changes', async t => {
  const served = await serveNfs(t);
  writeFileSync(join(served.dir, 'a'), 'x');
  linkSync(join(served.dir, 'a'), join(served.dir, 'b'));
  mkdirSync(join(served.dir, 'd'));
  linkSync(join(served.dir, 'a'), join(served.dir, 'd', 'c'));
  for (const [from, to] of [
    ['a', 'a'],
    ['d', 'd'],
    ['a', 'b'],
    ['a', 'd/c'],
    ['d/c', 'b'],
  ] as const) {
    await move(t, served, from, to);
  }
  t.strictSame(nfs3.namesIn(served.dir), ['a', 'b', 'd', 'd/c']);
  const file = await served.handle('a');
  await expectNfs3(t, served, GETATTR, opaque(file), () => `${OK} ${fattr3(join(served.dir, 'd', 'c'))}`);
});

t.test('names of 255 bytes and of every byte', async t => {
  const served = await serveNfs(t);
  mkdirSync(join(served.dir, 'd'));
  const [root, dir] = [opaque(await served.handle('')), opaque(await served.handle('d'))];
  const names = [...nfs3.EVERY_BYTE, '78'.repeat(255)];
  for (const name of names) {
    writeFileSync(join(served.dir, 'tmp'), name);
    const there = await served.exchange(call('nfs3', RENAME, `${root} ${text('tmp')} ${dir} ${opaque(name)}`));
    if (nfs3.statusOf(there) !== OK) t.fail(`to ${name}: ${nfs3.statusOf(there)}`);
  }
  t.strictSame(nfs3.hexNamesIn(join(served.dir, 'd')), [...names].sort());
  for (const name of names) {
    const back = await served.exchange(call('nfs3', RENAME, `${dir} ${opaque(name)} ${root} ${text('tmp')}`));
    if (nfs3.statusOf(back) !== OK) t.fail(`from ${name}: ${nfs3.statusOf(back)}`);
    if (readFileSync(join(served.dir, 'tmp'), 'latin1') !== name) t.fail(`${name} is another file`);
  }
  t.strictSame(nfs3.namesIn(served.dir), ['d', 'tmp']);
});

/** Renames `a/x` to `b/y` by uid 1000, gid 1001 and a member of 2000. Each has owner, group and mode. */
const PERMISSIONS: {
  name: string;
  a?: readonly [number, number, number];
  b?: readonly [number, number, number];
  thing?: number;
  over?: number;
  dir?: boolean;
  status?: string;
}[] = [
  { name: 'between directories of the caller' },
  { name: 'between directories of a group of the caller', a: [0, 2000, 0o775], b: [0, 2000, 0o775] },
  { name: 'over a file of another user', over: 0 },
  { name: 'from a sticky directory, an object of the caller', a: [0, 0, 0o1777] },
  { name: 'ACCES: from a directory of another user', a: [0, 0, 0o755], status: ERR.ACCES },
  { name: 'ACCES: to a directory of another user', b: [0, 0, 0o755], status: ERR.ACCES },
  { name: 'ACCES: from a directory that the caller may not search', a: [0, 0, 0o776], status: ERR.ACCES },
  { name: 'PERM: from a sticky directory, an object of another user', a: [0, 0, 0o1777], thing: 0, status: ERR.PERM },
  { name: 'PERM: in a sticky directory, over an object of another user', b: [0, 0, 0o1777], over: 0, status: ERR.PERM },
  {
    name: 'ACCES: a directory that the caller may not write, to another parent',
    dir: true,
    thing: 0,
    status: ERR.ACCES,
  },
];

const OWN = [1000, 1001, 0o755] as const;

for (const { name, a = OWN, b = OWN, thing = 1000, over, dir, status } of PERMISSIONS) {
  t.test(name, async t => {
    const served = await serveNfs(t);
    chmodSync(served.dir, 0o755);
    for (const parent of ['a', 'b']) mkdirSync(join(served.dir, parent));
    const own = (path: string, [uid, gid, mode]: readonly [number, number, number]) => {
      chownSync(join(served.dir, path), uid, gid);
      chmodSync(join(served.dir, path), mode);
    };
    if (dir) mkdirSync(join(served.dir, 'a/x'));
    else writeFileSync(join(served.dir, 'a/x'), '');
    own('a/x', [thing, 0, 0o755]);
    if (over !== undefined) {
      writeFileSync(join(served.dir, 'b/y'), '');
      own('b/y', [over, 0, 0o600]);
    }
    own('a', a);
    own('b', b);
    const names = nfs3.namesIn(served.dir);
    await move(t, served, 'a/x', 'b/y', status, authSys(1000, 1001, [2000]));
    t.strictSame(nfs3.namesIn(served.dir), status === undefined ? ['a', 'b', 'b/y'] : names);
  });
}

t.test('from or to an object that is not a directory: NOTDIR', async t => {
  const served = await serveNfs(t);
  writeFileSync(join(served.dir, 'f'), '');
  writeFileSync(join(served.dir, 'g'), '');
  const [root, file] = [await served.handle(''), await served.handle('f')];
  const dir = () => unseen(served.dir);
  const noDir = () => unseen(join(served.dir, 'f'));
  await expectNfs3(t, served, RENAME, argsOf(file, 'x', root, 'y'), () => `${ERR.NOTDIR} ${noDir()} ${dir()}`);
  await expectNfs3(t, served, RENAME, argsOf(root, 'g', file, 'y'), () => `${ERR.NOTDIR} ${dir()} ${noDir()}`);
  t.strictSame(nfs3.namesIn(served.dir), ['f', 'g']);
});

t.test('impossible names are refused', async t => {
  const served = await serveNfs(t);
  writeFileSync(join(served.dir, 'f'), '');
  const root = opaque(await served.handle(''));
  const arm = () => `${unseen(served.dir)} ${unseen(served.dir)}`;
  const dots = { dot: ERR.INVAL, dotDot: ERR.INVAL };
  await nfs3.refusesNames(t, served, RENAME, name => `${root} ${name} ${root} ${text('new')}`, arm, dots);
  await nfs3.refusesNames(t, served, RENAME, name => `${root} ${text('f')} ${root} ${name}`, arm, dots);
});

t.test('invalid handles are refused', async t => {
  const served = await serveNfs(t);
  writeFileSync(join(served.dir, 'f'), '');
  const [root, other] = [opaque(await served.handle('')), text('new')];
  await t.test('the old directory', async t => {
    // The reply still has the attributes of the other directory.
    const args = (handle: string) => `${handle} ${text('f')} ${handle} ${other}`;
    await nfs3.refusesHandles(t, served, RENAME, args, `${NO_WCC} ${NO_WCC}`);
    const one = `${opaque('00')} ${text('f')} ${root} ${other}`;
    await expectNfs3(t, served, RENAME, one, () => `${ERR.BADHANDLE} ${NO_WCC} ${unseen(served.dir)}`);
  });
  await t.test('the new directory', async t => {
    const after = `00000001 ${'.'.repeat(2 * 84)} ${NO_WCC}`;
    const [unasked, asked] = [`00000000 ${after}`, `00000001 ${'.'.repeat(2 * 24)} ${after}`];
    await nfs3.refusesHandles(t, served, RENAME, handle => `${root} ${text('f')} ${handle} ${other}`, unasked, asked);
    const one = `${root} ${text('f')} ${opaque('00')} ${other}`;
    await expectNfs3(t, served, RENAME, one, () => `${ERR.BADHANDLE} ${unseen(served.dir)} ${NO_WCC}`);
  });
});

t.test('invalid arguments are refused', async t => {
  const served = await serveNfs(t);
  writeFileSync(join(served.dir, 'f'), '');
  const root = await served.handle('');
  await nfs3.refusesGarbage(t, served, RENAME, argsOf(root, 'f', root, 'new'));
});

t.test('directories that were removed: STALE', async t => {
  const served = await serveNfs(t);
  for (const name of ['a', 'b']) mkdirSync(join(served.dir, name));
  writeFileSync(join(served.dir, 'a', 'f'), '');
  const [root, a, b] = [await served.handle(''), await served.handle('a'), await served.handle('b')];
  await move(t, served, 'a/f', 'b/f');
  rmSync(join(served.dir, 'b'), { recursive: true });
  await expectNfs3(t, served, RENAME, argsOf(b, 'f', a, 'f'), () => {
    return `${ERR.STALE} ${NO_WCC} ${unseen(join(served.dir, 'a'))}`;
  });
  writeFileSync(join(served.dir, 'a', 'f'), '');
  const before = wccAttr(join(served.dir, 'a'));
  await expectNfs3(t, served, RENAME, argsOf(a, 'f', b, 'f'), () => {
    return `${ERR.STALE} ${wcc(before, join(served.dir, 'a'))} ${NO_WCC}`;
  });
  await expectNfs3(t, served, RENAME, argsOf(root, 'b', a, 'b'), () => {
    return `${ERR.NOENT} ........ ${'.'.repeat(48)} ${'.'.repeat(176)} ........ ${'.'.repeat(48)} ${'.'.repeat(176)}`;
  });
  t.strictSame(nfs3.namesIn(served.dir), ['a', 'a/f']);
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
  writeFileSync(join(served.dir, 'f'), 'x');
  writeFileSync(join(elsewhere, 'g'), 'y');
  const mounted = await served.exchange(call('mount3', 1, text('/other')));
  const other = mounted.toString('hex', 32, 32 + mounted.readUInt32BE(28));
  const root = await served.handle('');
  const arms = [() => unseen(served.dir), () => unseen(elsewhere)] as const;
  await expectNfs3(t, served, RENAME, argsOf(root, 'f', other, 'f'), () => `${ERR.XDEV} ${arms[0]()} ${arms[1]()}`);
  await expectNfs3(t, served, RENAME, argsOf(other, 'g', root, 'f'), () => `${ERR.XDEV} ${arms[1]()} ${arms[0]()}`);
  t.strictSame([nfs3.namesIn(served.dir), nfs3.namesIn(elsewhere)], [['f'], ['g']]);
});

t.test('between two exports of one volume: XDEV', async t => {
  const served = await serveNfs(t, { options: ['option nfs3.vol.export-dir /sub(*)'] });
  mkdirSync(join(served.dir, 'sub'));
  mkdirSync(join(served.dir, 'dir'));
  writeFileSync(join(served.dir, 'sub', 'f'), 'x');
  const args = argsOf(await served.handle('sub'), 'f', await served.handle('dir'), 'g');
  const arms = () => `${unseen(join(served.dir, 'sub'))} ${unseen(join(served.dir, 'dir'))}`;
  await expectNfs3(t, served, RENAME, args, () => `${ERR.XDEV} ${arms()}`);
  t.strictSame(nfs3.namesIn(served.dir), ['dir', 'sub', 'sub/f']);
});

t.test('a read-only volume refuses: ROFS', async t => {
  for (const [name, options, known] of [
    ['an export', nfs3.READ_ONLY_EXPORT, false],
    ['a layer', nfs3.READ_ONLY_LAYER, true],
  ] as const) {
    await t.test(name, async t => {
      const served = await serveNfs(t, options);
      mkdirSync(join(served.dir, 'd'));
      writeFileSync(join(served.dir, 'f'), '');
      const args = argsOf(await served.handle(''), 'f', await served.handle('d'), 'g');
      const arm = (path: string) => wcc(known ? wccAttr(path) : undefined, path);
      const arms = () => `${arm(served.dir)} ${arm(join(served.dir, 'd'))}`;
      await expectNfs3(t, served, RENAME, args, () => `${ERR.ROFS} ${arms()}`);
      t.strictSame(nfs3.namesIn(served.dir), ['d', 'f']);
    });
  }
});

t.test('errors of the brick have their statuses', async t => {
  await nfs3.refusesFailures(t, RENAME, 'rename', async served => {
    writeFileSync(join(served.dir, 'f'), '');
    const root = await served.handle('');
    return { args: argsOf(root, 'f', root, 'g'), arm: () => `${unseen(served.dir)} ${unseen(served.dir)}` };
  });
});
