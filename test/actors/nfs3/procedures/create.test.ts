/** CREATE, procedure 8 (RFC 1813, 3.3.8). */
import {
  chmodSync,
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { authSys, serveNfs, type ServedNfs, temporaryDir, VERIFIER } from '../../../support/nfs.ts';
import * as nfs3 from '../../../support/nfs3/common.ts';
import {
  ERR,
  EVERY_BYTE,
  expectGarbage,
  hexNamesIn,
  namesIn,
  NO_SATTR,
  NO_WCC,
  OK,
  searched,
  unseen,
} from '../../../support/nfs3/common.ts';
import {
  HELLO,
  isRoot,
  makeFile,
  MEMBER,
  needsRoot,
  notExt4,
  type ObjectCase,
  objectCases,
  ownedDir,
  OWNER,
  OWNER_ID,
  refusals,
  runs,
  STRANGER,
  unasked,
  unchanged,
} from '../../../support/nfs3/cases.ts';
import { accepted, call, expectNfs3, expectReply, opaque, postOp, text, wcc, wccAttr } from '../../../support/wire.ts';

const CREATE = 8;
const UNCHECKED = '00000000';
const GUARDED = '00000001';
const EXCLUSIVE = '00000002';
const WRITE = 7;

const served = await serveNfs(t);
const F = text('f');
const MODE_644 = '00000001 000001a4 00000000 00000000 00000000 00000000 00000000';
const unchecked = (sattr = MODE_644) => `${F} ${UNCHECKED} ${sattr}`;
const guarded = (sattr = MODE_644) => `${F} ${GUARDED} ${sattr}`;
const exclusive = (verf: string) => `${F} ${EXCLUSIVE} ${verf}`;
const modeOf = (mode: string) => `00000001 ${mode} ${NO_SATTR.slice(9)}`;
const sizeOf = (size: string) => `00000000 00000000 00000000 00000001 ${size} 00000000 00000000`;
const EMPTY = sizeOf('0000000000000000');
const V1 = '0123456789abcdef';
const V2 = '0123456789abcdee';
const ZEROES = '0000000000000000';

/** CREATE3resok of `f` in the directory. */
const made = async (dir: string, before: string) => {
  const path = join(dir, 'f');
  return `${OK}
    00000001 ${opaque(await served.handle(path.slice(served.dir.length + 1)))} // obj
    ${postOp(path)}          // obj_attributes
    ${wcc(before, dir)}      // dir_wcc`;
};

/** Makes a directory that has a file `f` with this mode already. */
const dirWith =
  (mode: number, uid = OWNER_ID) =>
  (path: string) => {
    ownedDir(0o777)(path);
    makeFile(join(path, 'f'));
    if (isRoot) chownSync(join(path, 'f'), uid, uid);
    chmodSync(join(path, 'f'), mode);
  };
const empty = ownedDir(0o755);

const file =
  (mode: number, uid = process.getuid!(), gid = process.getgid!(), size = 0) =>
  (t: Test, dir: string) => {
    const stat = lstatSync(join(dir, 'f'));
    const { mode: got, ...rest } = {
      mode: (stat.mode & 0o7777).toString(8),
      uid: stat.uid,
      gid: stat.gid,
      size: stat.size,
    };
    t.equal(got, mode.toString(8), 'mode');
    t.strictSame(rest, { uid, gid, size });
  };
const nothingMade = (t: Test, dir: string) => void t.strictSame(readdirSync(dir), []);
const onlyF = (t: Test, dir: string) => void t.strictSame(readdirSync(dir), ['f']);
const untouched = (t: Test, dir: string) => void t.equal(readFileSync(join(dir, 'f'), 'latin1'), HELLO);
const run = runs(served, CREATE);

t.test(
  'new files',
  run([
    {
      name: 'a request and its reply, byte by byte',
      make: empty,
      rest: `
        00000001 66000000              // where.name: "f"
        00000000                       // how: UNCHECKED
        00000001 000001a4              // mode: 0644
        00000001 000003e8              // uid: 1000
        00000001 000003e9              // gid: 1001
        00000001 0000000000000005      // size: 5
        00000002 00000001 00000002     // atime: SET_TO_CLIENT_TIME
        00000002 00000003 00000004     // mtime: SET_TO_CLIENT_TIME`,
      reply: async (dir, before) => {
        const { ino } = lstatSync(join(dir, 'f'), { bigint: true });
        return `
          00000000                     // NFS3_OK
          00000001 ........${'.'.repeat(opaque(await served.handle(`${dir.slice(served.dir.length + 1)}/f`)).length - 9)}
          00000001                     // obj_attributes
            00000001 000001a4 00000001 // NF3REG, 0644, 1 link
            000003e8 000003e9          // uid, gid
            00000000 00000005          // size
            ........ ........          // used
            00000000 00000000          // rdev
            ........ ........          // fsid
            ${ino.toString(16).padStart(16, '0')}
            00000001 00000002 00000003 00000004
            ........ ........          // ctime
          ${wcc(before, dir)}          // dir_wcc`;
      },
      check: file(0o644, 1000, 1001, 5),
      skip: needsRoot,
    },
    { name: 'UNCHECKED', make: empty, rest: unchecked(), reply: made, check: file(0o644) },
    { name: 'GUARDED', make: empty, rest: guarded(), reply: made, check: file(0o644) },
    {
      name: 'EXCLUSIVE',
      make: empty,
      rest: exclusive(V1),
      reply: made,
      check: (t, dir) => void t.equal(lstatSync(join(dir, 'f')).size, 0),
    },
    {
      name: 'no attributes: mode 0600',
      make: empty,
      rest: unchecked(NO_SATTR),
      reply: made,
      check: file(0o600),
    },
    { name: 'mode 0', make: empty, rest: guarded(modeOf('00000000')), reply: made, check: file(0) },
    {
      name: 'mode 0777: the server has no umask',
      make: empty,
      rest: unchecked(modeOf('000001ff')),
      reply: made,
      check: file(0o777),
    },
    { name: 'mode 07777', make: empty, rest: guarded(modeOf('00000fff')), reply: made, check: file(0o7777) },
    {
      name: 'bits above the mode are ignored',
      make: empty,
      rest: unchecked(modeOf('ffff81a4')),
      reply: made,
      check: file(0o644),
    },
    {
      name: 'a size',
      make: empty,
      rest: guarded(sizeOf('0000000000000064')),
      reply: made,
      check: file(0o600, undefined, undefined, 100),
    },
    {
      name: 'size 0',
      make: empty,
      rest: unchecked(EMPTY),
      reply: made,
      check: file(0o600),
    },
    {
      name: 'a size of 1 TiB',
      make: empty,
      rest: unchecked(sizeOf('0000010000000000')),
      reply: made,
      check: file(0o600, undefined, undefined, 2 ** 40),
    },
    {
      name: "times of the server's clock",
      make: empty,
      rest: unchecked('00000001 000001a4 00000000 00000000 00000000 00000001 00000001'),
      reply: made,
      check: (t, dir) => void t.ok(Math.abs(lstatSync(join(dir, 'f')).mtimeMs - Date.now()) < 60_000),
    },
    {
      name: 'by a user, who owns it',
      make: ownedDir(0o777),
      auth: STRANGER,
      rest: unchecked(),
      reply: made,
      check: file(0o644, 2000, 2000),
    },
    {
      name: 'by a member of the group',
      make: ownedDir(0o770),
      auth: MEMBER,
      rest: unchecked(),
      reply: made,
      check: file(0o644, 1001, 1001),
    },
    {
      name: 'EXCLUSIVE by a user',
      make: empty,
      auth: OWNER,
      rest: exclusive(V1),
      reply: made,
      check: (t, dir) => void t.equal(lstatSync(join(dir, 'f')).uid, OWNER_ID),
    },
    {
      name: 'with setuid, by a user',
      make: empty,
      auth: OWNER,
      rest: guarded(modeOf('000009ed')),
      reply: made,
      check: file(0o4755, OWNER_ID, OWNER_ID),
    },
    {
      name: 'mode 0444 together with a size',
      make: empty,
      auth: OWNER,
      rest: guarded('00000001 00000124 00000000 00000000 00000001 0000000000000003 00000000 00000000'),
      reply: made,
      check: file(0o444, OWNER_ID, OWNER_ID, 3),
    },
    {
      name: 'an owner that the user may not give is ignored',
      make: empty,
      auth: OWNER,
      rest: unchecked('00000001 000001a4 00000001 00000000 00000001 00000000 00000000 00000000 00000000'),
      reply: made,
      check: file(0o644, OWNER_ID, OWNER_ID),
    },
    {
      name: 'a group that the user is in',
      make: ownedDir(0o777),
      auth: MEMBER,
      rest: unchecked('00000001 000001a4 00000000 00000001 000003e8 00000000 00000000 00000000'),
      reply: made,
      check: file(0o644, 1001, OWNER_ID),
    },
    {
      name: 'in a setgid directory the object gets its group',
      make: ownedDir(0o2777),
      auth: STRANGER,
      rest: unchecked(),
      reply: made,
      check: file(0o644, 2000, OWNER_ID),
    },
    {
      name: 'in a sticky directory',
      make: ownedDir(0o1777),
      auth: STRANGER,
      rest: guarded(),
      reply: made,
      check: file(0o644, 2000, 2000),
    },
  ]),
);

t.test(
  'UNCHECKED, and the file exists',
  run([
    {
      name: 'the file keeps its content and attributes',
      make: dirWith(0o600),
      rest: unchecked(modeOf('000001ff')),
      reply: made,
      check: file(0o600, OWNER_ID, OWNER_ID, 13),
      skip: needsRoot,
    },
    {
      name: 'size 0 empties the file',
      make: dirWith(0o644),
      rest: unchecked(EMPTY),
      reply: made,
      check: file(0o644, OWNER_ID, OWNER_ID),
      skip: needsRoot,
    },
    {
      name: 'size 5 truncates the file',
      make: dirWith(0o644),
      rest: unchecked(sizeOf('0000000000000005')),
      reply: made,
      check: file(0o644, OWNER_ID, OWNER_ID, 5),
      skip: needsRoot,
    },
    {
      name: 'by a stranger, without a size',
      make: dirWith(0o600),
      auth: STRANGER,
      rest: unchecked(),
      reply: made,
      check: untouched,
    },
    {
      name: 'emptied by a caller with the right to write',
      make: dirWith(0o666),
      auth: STRANGER,
      rest: unchecked(EMPTY),
      reply: made,
      check: file(0o666, OWNER_ID, OWNER_ID),
    },
    {
      name: 'emptied by its owner, of mode 0444',
      make: dirWith(0o444),
      auth: OWNER,
      rest: unchecked(EMPTY),
      reply: made,
      check: file(0o444, OWNER_ID, OWNER_ID),
    },
    {
      name: 'emptied by a caller without the right to write: ACCES',
      make: dirWith(0o644),
      auth: STRANGER,
      rest: unchecked(EMPTY),
      reply: unchanged(ERR.ACCES),
      check: untouched,
    },
    {
      name: 'in a directory that the caller may not change',
      make(path) {
        dirWith(0o644)(path);
        chmodSync(path, 0o755);
      },
      auth: STRANGER,
      rest: unchecked(),
      reply: made,
      check: untouched,
    },
  ]),
);

const makeLink = (path: string) => {
  ownedDir(0o755)(path);
  symlinkSync('target', join(path, 'f'));
};
const makeDir = (path: string) => void mkdirSync(join(path, 'f'), { recursive: true });
const makeWith =
  (command: string, ...args: string[]) =>
  (path: string) => {
    ownedDir(0o755)(path);
    execFileSync(command, [join(path, 'f'), ...args]);
  };
const NO_FILES = [
  { kind: 'a fifo', make: makeWith('mkfifo') },
  ...(isRoot ? [{ kind: 'a device', make: makeWith('mknod', 'c', '1', '3') }] : []),
  { kind: 'a directory', make: makeDir },
  { kind: 'a symlink', make: makeLink },
];
const makeEmpty = (path: string) => {
  mkdirSync(path);
  writeFileSync(join(path, 'f'), '');
};

t.test(
  'GUARDED or EXCLUSIVE, and the name exists: EXIST',
  run([
    {
      name: 'GUARDED, a file',
      make: dirWith(0o644),
      rest: guarded(EMPTY),
      reply: unchanged(ERR.EXIST),
      check: untouched,
    },
    { name: 'GUARDED, a directory', make: makeDir, rest: guarded(), reply: unchanged(ERR.EXIST) },
    {
      name: 'GUARDED, a symlink to nothing',
      make: makeLink,
      rest: guarded(),
      reply: unchanged(ERR.EXIST),
      check: onlyF,
    },
    {
      name: 'EXCLUSIVE, a file',
      make: dirWith(0o644),
      rest: exclusive(V1),
      reply: unchanged(ERR.EXIST),
      check: untouched,
    },
    {
      name: 'EXCLUSIVE, zeroes',
      make: dirWith(0o644),
      rest: exclusive(ZEROES),
      reply: unchanged(ERR.EXIST),
      check: untouched,
    },
    {
      name: 'EXCLUSIVE, an empty file',
      make: makeEmpty,
      rest: exclusive(V1),
      reply: unchanged(ERR.EXIST),
      check: onlyF,
    },
    { name: 'EXCLUSIVE, a directory', make: makeDir, rest: exclusive(V1), reply: unchanged(ERR.EXIST) },
    { name: 'EXCLUSIVE, a symlink', make: makeLink, rest: exclusive(V1), reply: unchanged(ERR.EXIST), check: onlyF },
  ]),
);

// As knfsd: Linux (since 6.11) sends CREATE for open(2) with O_CREAT without looking the name up first.
t.test(
  'UNCHECKED, and the name is not a regular file: it is returned and not changed',
  run(
    NO_FILES.flatMap(({ kind, make }): ObjectCase[] => {
      const before = { mode: '', target: '' };
      const noted = (path: string) => {
        make(path);
        before.mode = lstatSync(join(path, 'f')).mode.toString(8);
      };
      const unchanged = (t: Test, path: string) => {
        t.equal(lstatSync(join(path, 'f')).mode.toString(8), before.mode);
        onlyF(t, path);
      };
      const rest = [
        ['', unchecked()],
        [' and size 0', unchecked(EMPTY)],
        [' and a mode', unchecked('00000001 000001ff 00000000 00000000 00000000 00000000 00000000')],
      ] as const;
      return rest.map(([how, rest]) => {
        return { name: `${kind}${how}`, make: noted, auth: STRANGER, rest, reply: made, check: unchanged };
      });
    }),
  ),
);

/** Creates `f` in the directory `d` with EXCLUSIVE. Returns its handle, or `undefined` if that is refused. */
async function ask(t: Test, served: ServedNfs, verf: string, status: string) {
  const dir = join(served.dir, 'd');
  const handle = opaque(await served.handle('d'));
  const before = wccAttr(dir);
  const reply = await served.exchange(call('nfs3', CREATE, `${handle} ${exclusive(verf)}`));
  if (status !== OK) {
    expectReply(t, reply, `${accepted} ${status} ${wcc(before, dir)}`, `verifier ${verf}: ${status}`);
    return undefined;
  }
  const made = await served.handle('d/f');
  const expected = `${OK} 00000001 ${opaque(made)} ${postOp(join(dir, 'f'))} ${wcc(before, dir)}`;
  expectReply(t, reply, `${accepted} ${expected}`, `verifier ${verf}: made`);
  return made;
}

for (const verifier of [V1, '0000000000000000', 'ffffffffffffffff', '8000000080000000', '7fffffff00000001']) {
  t.test(`EXCLUSIVE again with the same verifier ${verifier}: the same file, also after a restart`, async t => {
    const stateDir = await temporaryDir(t, 'state');
    const first = await serveNfs(t, { stateDir });
    mkdirSync(join(first.dir, 'd'));
    const handle = await ask(t, first, verifier, OK);
    t.equal(await ask(t, first, verifier, OK), handle);
    const other = (BigInt(`0x${verifier}`) ^ 1n).toString(16).padStart(16, '0');
    await ask(t, first, other, ERR.EXIST);
    await first.graph.stop();
    const second = await serveNfs(t, { dir: first.dir, stateDir });
    await ask(t, second, other, ERR.EXIST);
    t.equal(await ask(t, second, verifier, OK), handle);
    t.strictSame(readdirSync(join(first.dir, 'd')), ['f']);
  });
}

t.test('EXCLUSIVE after the client has set the attributes: the verifier of another client is refused', async t => {
  const served = await serveNfs(t);
  const dir = join(served.dir, 'd');
  mkdirSync(dir);
  const handle = await ask(t, served, V1, OK);
  // SETATTR: mode 0644, and the server's time as atime and mtime
  const sattr = '00000001 000001a4 00000000 00000000 00000000 00000001 00000001 00000000';
  const before = wccAttr(join(dir, 'f'));
  await expectNfs3(t, served, 2, `${opaque(handle!)} ${sattr}`, () => `${OK} ${wcc(before, join(dir, 'f'))}`);
  await ask(t, served, V1, ERR.EXIST);
  await ask(t, served, V2, ERR.EXIST);
});

t.test('EXCLUSIVE after the file was removed: it is created again', async t => {
  const served = await serveNfs(t);
  const dir = join(served.dir, 'd');
  mkdirSync(dir);
  const handle = await ask(t, served, V1, OK);
  rmSync(join(dir, 'f'));
  t.not(await ask(t, served, V1, OK), handle);
  rmSync(join(dir, 'f'));
  await ask(t, served, V2, OK);
});

t.test('of several clients at the same time, with different verifiers or GUARDED, one creates the file', async t => {
  const dir = join(served.dir, 'race');
  mkdirSync(dir);
  const handle = opaque(await served.handle('race'));
  for (const hows of [[V1, V2, 'ffffffffffffffff', '0000000000000001'].map(exclusive), Array(4).fill(guarded())]) {
    const clients = hows.map(how => ({ how, client: served.connect() }));
    const replies = await Promise.all(
      clients.map(({ how, client }) => client.exchange(call('nfs3', CREATE, `${handle} ${how}`))),
    );
    const statuses = replies.map(reply => reply.toString('hex', 24, 28)).sort();
    t.strictSame(statuses, [OK, ERR.EXIST, ERR.EXIST, ERR.EXIST]);
    rmSync(join(dir, 'f'));
  }
});

t.test('a file of mode 0444 can be written by the owner who created it', { skip: needsRoot }, async t => {
  const dir = join(served.dir, 'git');
  ownedDir(0o755)(dir);
  const handle = opaque(await served.handle('git'));
  const before = wccAttr(dir);
  const answer = await served.exchange(call('nfs3', CREATE, `${handle} ${guarded(modeOf('00000124'))}`, OWNER));
  expectReply(t, answer, `${accepted} ${await made(dir, before)}`);
  const path = join(dir, 'f');
  const args = `${opaque(await served.handle('git/f'))} 0000000000000000 00000003 00000000 00000003 67697400`;
  const empty = wccAttr(path);
  await expectNfs3(t, served, WRITE, args, () => `${OK} ${wcc(empty, path)} 00000003 00000000 ${VERIFIER}`, OWNER);
  t.equal(readFileSync(path, 'latin1'), 'git');
  const full = wccAttr(path);
  await expectNfs3(t, served, WRITE, args, () => `${ERR.ACCES} ${wcc(full, path)}`, STRANGER);
});

const REFUSED_CALLERS: readonly (readonly [name: string, mode: number, auth: string, how: string])[] = [
  ['a stranger', 0o755, STRANGER, unchecked()],
  ['one of the group', 0o757, MEMBER, guarded()],
  ['the owner', 0o577, OWNER, exclusive(V1)],
  ['a caller with the right to write, but not to search', 0o776, STRANGER, unchecked()],
  ['root’s group', 0o755, authSys(2000, 0), unchecked()],
];

t.test(
  'callers that may not: ACCES',
  run(
    REFUSED_CALLERS.map(([name, mode, auth, rest]) => {
      return { name, make: ownedDir(mode), auth, rest, reply: unchanged(ERR.ACCES), check: nothingMade };
    }),
  ),
);

const REFUSED_ATTRIBUTES: readonly (readonly [name: string, status: string, how: string])[] = [
  [
    'an atime of 10^9 ns',
    ERR.INVAL,
    unchecked('00000000 00000000 00000000 00000000 00000002 00000001 3b9aca00 00000000'),
  ],
  [
    'an mtime of 2^32 - 1 ns',
    ERR.INVAL,
    guarded('00000000 00000000 00000000 00000000 00000000 00000002 00000001 ffffffff'),
  ],
  ['size 2^53', ERR.FBIG, unchecked(sizeOf('0020000000000000'))],
  ['size 2^63', ERR.FBIG, guarded(sizeOf('8000000000000000'))],
  ['size 2^64 - 1', ERR.FBIG, guarded(sizeOf('ffffffffffffffff'))],
];

t.test(
  'impossible attributes: nothing is made',
  run([
    ...REFUSED_ATTRIBUTES.map(([name, status, rest]) => {
      return { name, make: empty, rest, reply: unasked(status), check: nothingMade };
    }),
    {
      name: 'size 2^53 - 1: FBIG of the file system, and the file is removed again',
      make: empty,
      rest: guarded(sizeOf('001fffffffffffff')),
      reply: unchanged(ERR.FBIG),
      check: nothingMade,
      skip: notExt4(served.dir),
    },
  ]),
);

t.test(
  'an object that is not a directory: NOTDIR',
  run([
    { name: 'a file', rest: unchecked(), reply: unasked(ERR.NOTDIR) },
    {
      name: 'a symlink to a directory',
      make: path => symlinkSync('.', path),
      rest: guarded(),
      reply: unasked(ERR.NOTDIR),
    },
  ]),
);

t.test('impossible names are refused', async t => {
  const served = await serveNfs(t);
  const { dir } = served;
  const root = opaque(await served.handle(''));
  for (const how of [`${UNCHECKED} ${MODE_644}`, `${GUARDED} ${MODE_644}`, `${EXCLUSIVE} ${V1}`]) {
    const dots = { dot: ERR.EXIST, dotDot: ERR.EXIST };
    await nfs3.refusesNames(
      t,
      served,
      CREATE,
      name => `${root} ${name} ${how}`,
      () => unseen(dir),
      dots,
    );
  }
  const names = [...EVERY_BYTE, '61'.repeat(255), 'ff'.repeat(255)];
  for (const name of names) {
    const reply = await served.exchange(call('nfs3', CREATE, `${root} ${opaque(name)} ${GUARDED} ${MODE_644}`));
    if (reply.readUInt32BE(24) !== 0) t.fail(`${name}: status ${reply.readUInt32BE(24)}`);
  }
  t.strictSame(hexNamesIn(dir), names.sort());
});

t.test('invalid values are GARBAGE_ARGS', async t => {
  const served = await serveNfs(t);
  const root = opaque(await served.handle(''));
  for (const [name, rest] of Object.entries({
    'createmode3 3': `${F} 00000003 ${MODE_644}`,
    'createmode3 2^32 - 1': `${F} ffffffff ${MODE_644}`,
    'a verifier of 4 bytes': `${F} ${EXCLUSIVE} 01234567`,
    'a verifier of 12 bytes': `${F} ${EXCLUSIVE} ${V1} 01234567`,
    'EXCLUSIVE with attributes': `${F} ${EXCLUSIVE} ${MODE_644}`,
    'UNCHECKED with a verifier': `${F} ${UNCHECKED} ${V1}`,
    'set_mode3: neither TRUE nor FALSE': unchecked('00000002 000001a4 00000000 00000000 00000000 00000000 00000000'),
    'atime: time_how 3': unchecked('00000000 00000000 00000000 00000000 00000003 00000000'),
  })) {
    await expectGarbage(t, served, CREATE, `${root} ${rest}`, name);
  }
  t.strictSame(namesIn(served.dir), []);
});

t.test('a directory that is removed while the client has its handle: STALE', async t => {
  mkdirSync(join(served.dir, 'goes'));
  const handle = opaque(await served.handle('goes'));
  rmSync(join(served.dir, 'goes'), { recursive: true });
  for (const how of [unchecked(), guarded(), exclusive(V1)]) {
    await searched(served, call('nfs3', CREATE, `${handle} ${how}`));
    await expectNfs3(t, served, CREATE, `${handle} ${how}`, `${ERR.STALE} ${NO_WCC}`);
  }
});

t.test('a read-only volume refuses: ROFS', async t => {
  for (const how of [unchecked(), guarded(), exclusive(V1)]) {
    const exported = await serveNfs(t, nfs3.READ_ONLY_EXPORT);
    await objectCases(t, exported, CREATE, [
      { name: 'a read-only export', make: empty, rest: how, reply: unasked(ERR.ROFS), check: nothingMade },
    ]);
    const layered = await serveNfs(t, nfs3.READ_ONLY_LAYER);
    await objectCases(t, layered, CREATE, [
      { name: 'features/read-only', make: empty, rest: how, reply: unchanged(ERR.ROFS), check: nothingMade },
    ]);
  }
});

t.test('errors of the brick have their statuses', async t => {
  await nfs3.refusesFailures(t, CREATE, 'create', async served => ({
    args: `${opaque(await served.handle(''))} ${unchecked()}`,
    arm: () => unseen(served.dir),
  }));
  const served = await serveNfs(t, { layers: nfs3.failing('EIO', 'create', 'stat') });
  await expectNfs3(t, served, CREATE, `${opaque(await served.handle(''))} ${unchecked()}`, `${ERR.IO} ${NO_WCC}`);
  t.notOk(existsSync(join(served.dir, 'f')));
});

t.test('refusals', t =>
  refusals(t, { proc: CREATE, make: path => mkdirSync(path), rest: exclusive(V1), unknown: NO_WCC }),
);
