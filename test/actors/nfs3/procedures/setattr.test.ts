/** SETATTR, procedure 2 (RFC 1813, 3.3.2). */
import { execFileSync } from 'node:child_process';
import { chmodSync, chownSync, lstatSync, mkdirSync, readFileSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { authSys, serveNfs } from '../../../support/nfs.ts';
import * as nfs3 from '../../../support/nfs3/common.ts';
import { ERR, expectGarbage, NO_SATTR, NO_WCC, OK, refusesFailures, unseen } from '../../../support/nfs3/common.ts';
import {
  brickFailures,
  HELLO,
  isRoot,
  makeFile,
  MEMBER,
  notImmutable,
  refusesImmutable,
  notExt4,
  type ObjectCase,
  objectCases,
  owned,
  OWNER,
  OWNER_ID,
  refusals,
  runs,
  STRANGER,
  unasked,
  unchanged,
} from '../../../support/nfs3/cases.ts';
import { expectNfs3, opaque, wcc, wccAttr } from '../../../support/wire.ts';

const SETATTR = 2;
const NOT_SYNC = '00002712';
const NO_GUARD = '00000000';
const NOTHING = `${NO_SATTR} ${NO_GUARD}`;

interface Words {
  mode?: string;
  uid?: string;
  gid?: string;
  size?: string;
  atime?: string;
  mtime?: string;
  guard?: string;
}

/** sattr3 and sattrguard3. Words that are not given are FALSE or DONT_CHANGE. */
const set = ({ mode, uid, gid, size, atime = '00000000', mtime = '00000000', guard = NO_GUARD }: Words) =>
  `${[mode, uid, gid, size].map(value => (value === undefined ? '00000000' : `00000001 ${value}`)).join(' ')}
  ${atime} ${mtime} ${guard}`;

const SERVER_TIME = '00000001';
/** SET_TO_CLIENT_TIME */
const clientTime = (words: string) => `00000002 ${words}`;
/** A sattrguard3 with the present ctime of the object. */
const guardOf = (path: string) => `00000001 ${wccAttr(path).slice(-16)}`;

const done = (path: string, before: string) => `${OK} ${wcc(before, path)}`;

/** mode, uid, gid, size. */
const is = (mode: number, uid?: number, gid?: number) => (t: Test, path: string) => {
  const stat = lstatSync(path);
  t.equal((stat.mode & 0o7777).toString(8), mode.toString(8), 'mode');
  if (uid !== undefined) t.equal(stat.uid, uid, 'uid');
  if (gid !== undefined) t.equal(stat.gid, gid, 'gid');
};
const holds = (content: string) => (t: Test, path: string) => t.equal(readFileSync(path, 'latin1'), content);
const untouched = (t: Test, path: string) => {
  holds(HELLO)(t, path);
  is(0o644)(t, path);
};
const times = (atimeNs: bigint | undefined, mtimeNs: bigint | undefined) => (t: Test, path: string) => {
  const stat = lstatSync(path, { bigint: true });
  if (atimeNs !== undefined) t.equal(stat.atimeNs, atimeNs, 'atime');
  if (mtimeNs !== undefined) t.equal(stat.mtimeNs, mtimeNs, 'mtime');
};
const isNow = (ns: bigint) => Math.abs(Number(ns / 1_000_000n) - Date.now()) < 60_000;

const old = (path: string) => {
  owned(0o664)(path);
  execFileSync('touch', ['-d', '@1000000000.5', path]);
};
const OLD_NS = 1_000_000_000_500_000_000n;

const served = await serveNfs(t);
const run = runs(served, SETATTR);

t.test(
  'mode, uid, gid',
  run([
    { name: 'nothing', rest: NOTHING, reply: done, check: untouched },
    { name: 'mode 0755', rest: set({ mode: '000001ed' }), reply: done, check: is(0o755) },
    { name: 'mode 0', rest: set({ mode: '00000000' }), reply: done, check: is(0) },
    { name: 'mode 07777', rest: set({ mode: '00000fff' }), reply: done, check: is(0o7777) },
    { name: 'bits above the mode are ignored', rest: set({ mode: 'fffff1a4' }), reply: done, check: is(0o644) },
    { name: 'the type in a mode is ignored', rest: set({ mode: '000041ed' }), reply: done, check: is(0o755) },
    {
      name: 'the mode of a directory',
      make: path => mkdirSync(path),
      rest: set({ mode: '000005ed' }),
      reply: done,
      check: is(0o2755),
    },
    {
      name: 'the mode, by the owner',
      make: owned(0o644),
      auth: OWNER,
      rest: set({ mode: '00000180' }),
      reply: done,
      check: is(0o600),
    },
    {
      name: 'setgid, by an owner who is not in the group: not set, as with chmod(2)',
      make(path) {
        owned(0o644)(path);
        chownSync(path, OWNER_ID, 3000);
      },
      auth: OWNER,
      rest: set({ mode: '000005ed' }),
      reply: done,
      check: is(0o755, OWNER_ID, 3000),
    },
    {
      name: 'the mode of a symlink, which has none',
      make: path => symlinkSync('nowhere', path),
      rest: set({ mode: '00000180' }),
      reply: done,
      check: is(0o777),
    },
    {
      name: 'uid and gid by root',
      rest: set({ uid: '000003e8', gid: '000003e9' }),
      reply: done,
      check: is(0o644, 1000, 1001),
      skip: !isRoot && 'only root can',
    },
    {
      name: 'uid 2^32 - 2',
      rest: set({ uid: 'fffffffe', gid: 'fffffffe' }),
      reply: done,
      check: is(0o644, 0xffff_fffe, 0xffff_fffe),
      skip: !isRoot && 'only root can',
    },
    {
      name: 'the uid of a symlink, not of its target',
      make: path => symlinkSync('case-1', path),
      rest: set({ uid: '000003e8' }),
      reply: done,
      check: is(0o777, 1000),
      skip: !isRoot && 'only root can',
    },
    {
      name: 'a new owner clears setuid and setgid',
      make: owned(0o6755),
      rest: set({ uid: '000003e9' }),
      reply: done,
      check: is(0o755, 1001),
      skip: !isRoot && 'only root can',
    },
    {
      name: 'a new owner together with setuid',
      rest: set({ mode: '000009ed', uid: '000003e9' }),
      reply: done,
      check: is(0o4755, 1001),
      skip: !isRoot && 'only root can',
    },
    {
      name: 'a group of the owner, by the owner',
      make: owned(0o644),
      auth: authSys(OWNER_ID, OWNER_ID, [5, 1002]),
      rest: set({ gid: '000003ea' }),
      reply: done,
      check: is(0o644, OWNER_ID, 1002),
    },
    {
      name: 'the present uid and gid, by the owner',
      make: owned(0o644),
      auth: OWNER,
      rest: set({ uid: '000003e8', gid: '000003e8' }),
      reply: done,
      check: is(0o644, OWNER_ID, OWNER_ID),
    },
  ]),
);

t.test(
  'size',
  run([
    { name: '0', rest: set({ size: '0000000000000000' }), reply: done, check: holds('') },
    { name: '5 bytes', rest: set({ size: '0000000000000005' }), reply: done, check: holds('hello') },
    { name: 'the present size', rest: set({ size: '000000000000000d' }), reply: done, check: holds(HELLO) },
    { name: '3 bytes more', rest: set({ size: '0000000000000010' }), reply: done, check: holds(`${HELLO}\0\0\0`) },
    {
      name: '1 TiB and 1 byte',
      rest: set({ size: '0000010000000001' }),
      reply: done,
      check: (t, path) => void t.equal(lstatSync(path).size, 2 ** 40 + 1),
    },
    {
      name: 'together with the mode and times',
      rest: set({
        mode: '00000100',
        size: '0000000000000005',
        atime: clientTime('00000001 00000002'),
        mtime: clientTime('00000003 00000004'),
      }),
      reply: done,
      check(t, path) {
        is(0o400)(t, path);
        times(1_000_000_002n, 3_000_000_004n)(t, path);
        holds('hello')(t, path);
      },
    },
    {
      name: 'a file of mode 0444, by its owner, since a program may have opened it before',
      make: owned(0o444),
      auth: OWNER,
      rest: set({ size: '0000000000000000' }),
      reply: done,
      check: holds(''),
    },
    {
      name: 'by a member of a group that may write',
      make: owned(0o664),
      auth: MEMBER,
      rest: set({ size: '0000000000000000', mtime: SERVER_TIME }),
      reply: done,
      check: holds(''),
    },
    {
      name: 'by the owner: setuid and setgid are cleared',
      make: owned(0o6775),
      auth: OWNER,
      rest: set({ size: '0000000000000001' }),
      reply: done,
      check: is(0o775),
    },
    {
      name: 'the present size also sets the mtime',
      make: old,
      rest: set({ size: '000000000000000d' }),
      reply: done,
      check(t, path) {
        t.ok(isNow(lstatSync(path, { bigint: true }).mtimeNs), 'mtime');
      },
    },
    {
      name: 'by a stranger: ACCES',
      make: owned(0o644),
      auth: STRANGER,
      rest: set({ size: '0000000000000000' }),
      reply: unchanged(ERR.ACCES),
      check: untouched,
    },
    {
      name: 'a directory: ISDIR',
      make: path => mkdirSync(path),
      rest: set({ size: '0000000000000000' }),
      reply: unasked(ERR.ISDIR),
    },
    {
      name: 'a directory, together with a mode: neither is set',
      make: path => mkdirSync(path, { mode: 0o700 }),
      rest: set({ mode: '000001ff', size: '0000000000000000' }),
      reply: unasked(ERR.ISDIR),
      check: is(0o700),
    },
    {
      name: 'a symlink: INVAL',
      make: path => symlinkSync('case-1', path),
      rest: set({ size: '0000000000000000' }),
      reply: unasked(ERR.INVAL),
    },
    {
      name: 'a fifo: INVAL',
      make: path => execFileSync('mkfifo', [path]),
      rest: set({ size: '0000000000000000' }),
      reply: unasked(ERR.INVAL),
    },
    { name: '2^53: FBIG', rest: set({ size: '0020000000000000' }), reply: unasked(ERR.FBIG), check: untouched },
    { name: '2^63 - 1: FBIG', rest: set({ size: '7fffffffffffffff' }), reply: unasked(ERR.FBIG), check: untouched },
    { name: '2^63: FBIG', rest: set({ size: '8000000000000000' }), reply: unasked(ERR.FBIG), check: untouched },
    {
      name: '2^64 - 1: FBIG',
      rest: set({ mode: '00000000', size: 'ffffffffffffffff' }),
      reply: unasked(ERR.FBIG),
      check: untouched,
    },
    {
      name: '2^53 - 1 together with a mode: FBIG of the file system, and the mode is not set',
      rest: set({ mode: '00000000', size: '001fffffffffffff' }),
      reply: unchanged(ERR.FBIG),
      check: untouched,
      skip: notExt4(served.dir),
    },
  ]),
);

t.test(
  'times',
  run([
    {
      name: 'both times of the client, with nanoseconds',
      rest: set({ atime: clientTime('00000001 00000002'), mtime: clientTime('499602d2 3b9ac9ff') }),
      reply: done,
      check: times(1_000_000_002n, 1_234_567_890_999_999_999n),
    },
    {
      name: 'the epoch',
      rest: set({ atime: clientTime('00000000 00000000'), mtime: clientTime('00000000 00000000') }),
      reply: done,
      check: times(0n, 0n),
    },
    {
      name: '2106, the last second of nfstime3, does not become a time before 1970',
      rest: set({ atime: clientTime('ffffffff 00000000'), mtime: clientTime('ffffffff 3b9ac9ff') }),
      reply: done,
      check: times(4_294_967_295_000_000_000n, 4_294_967_295_999_999_999n),
    },
    {
      name: 'only the atime',
      make: old,
      rest: set({ atime: clientTime('00000001 00000002') }),
      reply: done,
      check: times(1_000_000_002n, OLD_NS),
    },
    {
      name: 'only the mtime',
      make: old,
      rest: set({ mtime: clientTime('00000001 00000002') }),
      reply: done,
      check: times(OLD_NS, 1_000_000_002n),
    },
    {
      name: "both, of the server's clock",
      make: old,
      rest: set({ atime: SERVER_TIME, mtime: SERVER_TIME }),
      reply: done,
      check(t, path) {
        const { atimeNs, mtimeNs } = lstatSync(path, { bigint: true });
        t.ok(isNow(atimeNs) && isNow(mtimeNs));
      },
    },
    {
      name: "the atime of the client, the mtime of the server's clock",
      make: old,
      rest: set({ atime: clientTime('00000001 00000002'), mtime: SERVER_TIME }),
      reply: done,
      check(t, path) {
        times(1_000_000_002n, undefined)(t, path);
        t.ok(isNow(lstatSync(path, { bigint: true }).mtimeNs));
      },
    },
    {
      name: 'the times of a symlink',
      make: path => symlinkSync('case-1', path),
      rest: set({ atime: clientTime('00000001 00000002'), mtime: clientTime('00000003 00000004') }),
      reply: done,
      check: times(1_000_000_002n, 3_000_000_004n),
    },
    {
      name: "the server's clock, by a member of a group that may write",
      make: old,
      auth: MEMBER,
      rest: set({ atime: SERVER_TIME, mtime: SERVER_TIME }),
      reply: done,
      check: (t, path) => void t.ok(isNow(lstatSync(path, { bigint: true }).mtimeNs)),
    },
    {
      name: "only one of the server's clock, by a member of a group that may write",
      make: old,
      auth: MEMBER,
      rest: set({ mtime: SERVER_TIME }),
      reply: done,
      check(t, path) {
        times(OLD_NS, undefined)(t, path);
        t.ok(isNow(lstatSync(path, { bigint: true }).mtimeNs));
      },
    },
    {
      name: "the server's clock, by a stranger: ACCES",
      make: old,
      auth: STRANGER,
      rest: set({ atime: SERVER_TIME, mtime: SERVER_TIME }),
      reply: unchanged(ERR.ACCES),
      check: times(OLD_NS, OLD_NS),
    },
    {
      name: "one of the server's clock, by a stranger: ACCES",
      make: old,
      auth: STRANGER,
      rest: set({ atime: SERVER_TIME }),
      reply: unchanged(ERR.ACCES),
      check: times(OLD_NS, OLD_NS),
    },
    {
      name: 'times of the client, by a member of a group that may write: PERM',
      make: old,
      auth: MEMBER,
      rest: set({ atime: clientTime('00000001 00000000'), mtime: clientTime('00000001 00000000') }),
      reply: unchanged(ERR.PERM),
      check: times(OLD_NS, OLD_NS),
    },
    ...['3b9aca00', '3ffffffe', '3fffffff', 'ffffffff'].flatMap((nsec): ObjectCase[] => [
      {
        name: `an atime of ${Number.parseInt(nsec, 16)} ns: INVAL`,
        make: old,
        rest: set({ atime: clientTime(`00000001 ${nsec}`) }),
        reply: unasked(ERR.INVAL),
        check: times(OLD_NS, OLD_NS),
      },
      {
        name: `an mtime of ${Number.parseInt(nsec, 16)} ns: INVAL`,
        make: old,
        rest: set({ mode: '00000000', mtime: clientTime(`00000001 ${nsec}`) }),
        reply: unasked(ERR.INVAL),
        check: times(OLD_NS, OLD_NS),
      },
    ]),
  ]),
);

t.test(
  'attributes that the caller may not set',
  run([
    {
      name: 'the mode, by a stranger: PERM',
      make: owned(0o644),
      auth: STRANGER,
      rest: set({ mode: '000001ff' }),
      reply: unchanged(ERR.PERM),
      check: untouched,
    },
    {
      name: 'the mode, by a member of the group: PERM',
      make: owned(0o664),
      auth: MEMBER,
      rest: set({ mode: '000001ff' }),
      reply: unchanged(ERR.PERM),
      check: is(0o664),
    },
    {
      name: 'the uid, by the owner: PERM',
      make: owned(0o644),
      auth: OWNER,
      rest: set({ uid: '000003e9' }),
      reply: unchanged(ERR.PERM),
      check: is(0o644, OWNER_ID),
    },
    {
      name: 'the own uid, by a stranger: PERM',
      make: owned(0o644),
      auth: STRANGER,
      rest: set({ uid: '000007d0' }),
      reply: unchanged(ERR.PERM),
      check: is(0o644, OWNER_ID),
    },
    {
      name: 'a gid of which the owner is not a member, by the owner: PERM',
      make: owned(0o644),
      auth: OWNER,
      rest: set({ gid: '000003ea' }),
      reply: unchanged(ERR.PERM),
      check: is(0o644, OWNER_ID, OWNER_ID),
    },
    {
      name: 'uid 2^32 - 1 is not set',
      make: owned(0o644),
      rest: set({ mode: '00000180', uid: 'ffffffff', gid: '000003ea' }),
      reply: done,
      check: is(0o600, OWNER_ID, 1002),
    },
    {
      name: 'gid 2^32 - 1 is not set',
      make: owned(0o644),
      auth: OWNER,
      rest: set({ mode: '00000180', gid: 'ffffffff' }),
      reply: done,
      check: is(0o600, OWNER_ID, OWNER_ID),
    },
  ]),
);

t.test(
  'the guard',
  run([
    {
      name: 'the present ctime',
      rest: path => set({ mode: '00000180', guard: guardOf(path) }),
      reply: done,
      check: is(0o600),
    },
    {
      name: 'another second: NOT_SYNC',
      rest: path => set({ mode: '00000180', guard: `00000001 00000001 ${guardOf(path).slice(-8)}` }),
      reply: unchanged(NOT_SYNC),
      check: untouched,
    },
    {
      name: 'another nanosecond: NOT_SYNC',
      rest: path => set({ size: '0000000000000000', guard: `${guardOf(path).slice(0, -8)} 3b9ac9ff` }),
      reply: unchanged(NOT_SYNC),
      check: untouched,
    },
    {
      name: 'impossible nanoseconds: NOT_SYNC',
      rest: path => set({ mode: '00000180', guard: `${guardOf(path).slice(0, -8)} ffffffff` }),
      reply: unchanged(NOT_SYNC),
      check: untouched,
    },
    {
      name: 'a wrong guard and nothing to set: NOT_SYNC',
      rest: `${NO_SATTR} 00000001 00000001 00000000`,
      reply: unchanged(NOT_SYNC),
      check: untouched,
    },
    {
      name: 'the ctime before a change made on the disk: NOT_SYNC',
      rest(path) {
        const guard = guardOf(path);
        chmodSync(path, 0o640);
        return set({ mode: '000001ff', guard });
      },
      reply: (path, before) => `${NOT_SYNC} ${wcc(before, path)}`,
      check: is(0o640),
    },
    {
      name: 'the present ctime, by a stranger: PERM',
      make: owned(0o644),
      auth: STRANGER,
      rest: path => set({ mode: '000001ff', guard: guardOf(path) }),
      reply: unchanged(ERR.PERM),
      check: untouched,
    },
  ]),
);

t.test('of two calls with the same guard only the first succeeds', async t => {
  const path = join(served.dir, 'guarded');
  makeFile(path);
  const args = `${opaque(await served.handle('guarded'))} ${set({ mode: '00000180', guard: guardOf(path) })}`;
  const before = wccAttr(path);
  await expectNfs3(t, served, SETATTR, args, () => done(path, before));
  const between = wccAttr(path);
  const again = args.replace('00000001 00000180', '00000001 000001ff');
  await expectNfs3(t, served, SETATTR, again, () => `${NOT_SYNC} ${wcc(between, path)}`);
  is(0o600)(t, path);
});

t.test('invalid values are GARBAGE_ARGS', async t => {
  const path = join(served.dir, 'garbage');
  makeFile(path);
  const handle = opaque(await served.handle('garbage'));
  for (const [name, rest] of Object.entries({
    'set_mode3: neither TRUE nor FALSE': '00000002 000001ff 00000000 00000000 00000000 00000000 00000000 00000000',
    'set_size3: neither TRUE nor FALSE': '00000000 00000000 00000000 ffffffff 00000000 00000000 00000000 00000000',
    'atime: time_how 3': '00000000 00000000 00000000 00000000 00000003 00000000 00000000',
    'mtime: time_how 2^32 - 1': '00000000 00000000 00000000 00000000 00000000 ffffffff 00000000',
    'guard: neither TRUE nor FALSE': `${NO_SATTR} 00000002 00000000 00000000`,
  })) {
    await expectGarbage(t, served, SETATTR, `${handle} ${rest}`, name);
  }
  untouched(t, path);
});

t.test('a file that chattr(1) has made immutable: PERM', { skip: notImmutable(served.dir) }, async t => {
  untouched(t, await refusesImmutable(t, served, SETATTR, set({ mode: '00000180' })));
});

t.test('a read-only volume refuses: ROFS', async t => {
  const rest = set({ mode: '00000180' });
  const exported = await serveNfs(t, nfs3.READ_ONLY_EXPORT);
  await objectCases(t, exported, SETATTR, [
    { name: 'a read-only export', rest, reply: unasked(ERR.ROFS), check: untouched },
  ]);
  const layered = await serveNfs(t, nfs3.READ_ONLY_LAYER);
  await objectCases(t, layered, SETATTR, [
    { name: 'features/read-only', rest, reply: unchanged(ERR.ROFS), check: untouched },
  ]);
});

t.test('errors of the brick have their statuses', async t => {
  const rest = set({ mode: '00000180' });
  await refusesFailures(t, SETATTR, 'setattr', async served => {
    makeFile(join(served.dir, 'file'));
    return { args: `${opaque(await served.handle('file'))} ${rest}`, arm: () => unseen(join(served.dir, 'file')) };
  });
  const statuses = { EPERM: ERR.PERM, EACCES: ERR.ACCES, EINVAL: ERR.INVAL, EFBIG: ERR.FBIG, ETXTBSY: ERR.ACCES };
  await brickFailures(t, { proc: SETATTR, fop: 'setattr', rest, arm: unseen }, statuses);
});

t.test('attributes that the brick does not tell are left out', async t => {
  const served = await serveNfs(t, { layers: nfs3.failing('EIO', 'setattr', 'stat') });
  await objectCases(t, served, SETATTR, [
    { name: 'IO', rest: set({ mode: '00000180' }), reply: () => `${ERR.IO} ${NO_WCC}`, check: untouched },
  ]);
});

t.test('refusals', t => refusals(t, { proc: SETATTR, rest: NOTHING, unknown: NO_WCC }));
