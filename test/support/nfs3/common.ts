/** What the wire tests of the NFS3 procedures share: numbers of RFC 1813, and what all procedures refuse alike. */
import { mkdirSync, readdirSync, renameSync, rmdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Test } from 'tap';
import { hex } from '../hex.ts';
import { AUTH_ROOT, type ServedNfs, serveNfs } from '../nfs.ts';
import { accepted, acceptedWith, call, expectReply, opaque, postOp } from '../wire.ts';

/** nfsstat3 (RFC 1813, 2.6). */
export const OK = '00000000';
export const ERR = {
  PERM: '00000001',
  NOENT: '00000002',
  IO: '00000005',
  NXIO: '00000006',
  ACCES: '0000000d',
  EXIST: '00000011',
  XDEV: '00000012',
  NODEV: '00000013',
  NOTDIR: '00000014',
  ISDIR: '00000015',
  INVAL: '00000016',
  FBIG: '0000001b',
  NOSPC: '0000001c',
  ROFS: '0000001e',
  MLINK: '0000001f',
  NAMETOOLONG: '0000003f',
  NOTEMPTY: '00000042',
  DQUOT: '00000045',
  STALE: '00000046',
  BADHANDLE: '00002711',
  BAD_COOKIE: '00002713',
  NOTSUPP: '00002714',
  TOOSMALL: '00002715',
  BADTYPE: '00002717',
  JUKEBOX: '00002718',
} as const;

/** A sattr3 that sets nothing: mode, uid, gid, size, atime, mtime. */
export const NO_SATTR = '00000000 00000000 00000000 00000000 00000000 00000000';
/** A wcc_data (or two post_op_attr) without any attributes. */
export const NO_WCC = '00000000 00000000';

/** The failure arm for a directory when the brick was not asked: no attributes from before the call. */
export const unseen = (path: string): string => `00000000 ${postOp(path)}`;

/** All paths below `dir`, sorted. */
export function namesIn(dir: string): string[] {
  return readdirSync(dir, { withFileTypes: true })
    .flatMap(entry => [
      entry.name,
      ...(entry.isDirectory() ? namesIn(join(dir, entry.name)).map(name => `${entry.name}/${name}`) : []),
    ])
    .sort();
}

export const GARBAGE_ARGS = acceptedWith(4);

export async function expectGarbage(t: Test, served: ServedNfs, proc: number, args: string, message: string) {
  expectReply(t, await served.exchange(call('nfs3', proc, args)), GARBAGE_ARGS, `${message}: GARBAGE_ARGS`);
}

/**
 * Tests that `args`, cut short anywhere or made longer, is GARBAGE_ARGS, changes nothing, and leaves the connection
 * open.
 */
export async function refusesGarbage(t: Test, served: ServedNfs, proc: number, args: string): Promise<void> {
  const before = namesIn(served.dir);
  const header = call('nfs3', proc, '');
  const whole = hex(args);
  const wrong: Buffer[] = [];
  for (let length = 0; length < whole.length; length++) wrong.push(whole.subarray(0, length));
  for (const more of [1, 4, 64]) wrong.push(Buffer.concat([whole, Buffer.alloc(more)]));
  for (const bytes of wrong) {
    const reply = await served.exchange(Buffer.concat([header, bytes]));
    if (!reply.equals(hex(GARBAGE_ARGS))) {
      expectReply(t, reply, GARBAGE_ARGS, `${bytes.length} bytes of ${whole.length}`);
    }
  }
  t.strictSame(namesIn(served.dir), before, `after ${wrong.length} calls with GARBAGE_ARGS nothing has changed`);
}

const flip = (handle: string, byte: number): string => {
  const bytes = Buffer.from(handle, 'hex');
  bytes[byte]! ^= 1;
  return bytes.toString('hex');
};

/**
 * Repeats `record` until it is answered with something other than JUKEBOX. Without kernel file handles the server
 * searches for what has gone from its place, and meanwhile tells the client to try again later. The kernel does so too
 * when it is just giving the inode number of a removed object to another one.
 */
export async function searched(served: ServedNfs, record: Buffer): Promise<void> {
  for (let tries = 0; tries < 100; tries++) {
    const reply = await served.exchange(record);
    if (reply.toString('hex', 24, 28) !== ERR.JUKEBOX) return;
    await sleep(10);
  }
}

/**
 * Tests that handles that the server did not make are BADHANDLE, and that handles of objects that are gone are STALE.
 * `argsOf` takes a handle as an opaque. `failure` is the failure arm after the status when nothing is known, and `gone`
 * the one when the brick was asked.
 */
export async function refusesHandles(
  t: Test,
  served: ServedNfs,
  proc: number,
  argsOf: (handle: string) => string,
  failure: string,
  gone = failure,
): Promise<void> {
  const before = namesIn(served.dir);
  const good = await served.handle('');
  const bytes = good.length / 2;
  const bad: Record<string, string> = {
    'no bytes': '',
    '4 bytes': good.slice(0, 8),
    'its last byte cut off': good.slice(0, -2),
    'a byte more': `${good}00`,
    '32 zero bytes': '00'.repeat(32),
    '64 bytes of ones': 'ff'.repeat(64),
    'another version': flip(good, 0),
    'another length of hint': flip(good, 1),
    'another export': flip(good, 3),
    'another volume': flip(good, 7),
    'another object': flip(good, 23),
    'another code of authenticity': flip(good, bytes - 1),
    // The handle of the root of a volume "vol", made with another key.
    'of another server': '01000000 5d2a4c81 00000000 00000000 00000000 00000001 6b1f0a93 c4e8d527'.replaceAll(' ', ''),
  };
  const refused = async (handle: string, status: string, message: string, arm = failure) => {
    const reply = await served.exchange(call('nfs3', proc, argsOf(opaque(handle))));
    expectReply(t, reply, `${accepted} ${status} ${arm}`, message);
  };
  for (const [what, handle] of Object.entries(bad))
    await refused(handle, ERR.BADHANDLE, `a handle (${what}) is BADHANDLE`);
  await expectGarbage(t, served, proc, argsOf(opaque(`${'00'.repeat(65)}`)), 'a handle of 65 bytes');
  await expectGarbage(t, served, proc, argsOf('ffffffff 00000000'), 'a handle of 4 GiB');

  const path = join(served.dir, 'about to go');
  mkdirSync(path);
  const handle = await served.handle('about to go');
  rmdirSync(path);
  await searched(served, call('nfs3', proc, argsOf(opaque(handle))));
  await refused(handle, ERR.STALE, 'a directory that is gone is STALE', gone);
  const elsewhere = await serveNfs(t, { options: ['option nfs3.vol.volume-id 3b1b7a52-5f0b-4d5e-9d3c-8a5f4f2f7c11'] });
  await refused(await elsewhere.handle(''), ERR.STALE, 'a volume that is no longer served is STALE');
  t.strictSame(namesIn(served.dir), before, 'nothing has changed');
}

/** Names that no procedure accepts, with the status that RFC 1813, 3.2 gives for each. */
const NAMES: readonly (readonly [string, string])[] = [
  ['', ERR.ACCES],
  ['/', ERR.ACCES],
  ['a/b', ERR.ACCES],
  ['/etc/passwd', ERR.ACCES],
  ['../x', ERR.ACCES],
  ['a\0', ERR.ACCES],
  ['\0', ERR.ACCES],
  ['x'.repeat(256), ERR.NAMETOOLONG],
  ['x'.repeat(4096), ERR.NAMETOOLONG],
];

/**
 * Tests that the names that no procedure accepts are refused. `dots` has the statuses of `.` and `..`, which differ
 * between procedures. `arm` returns what follows the status in the reply about a name.
 */
export async function refusesNames(
  t: Test,
  served: ServedNfs,
  proc: number,
  argsOf: (name: string) => string,
  arm: (name: string) => string,
  dots: { readonly dot: string; readonly dotDot: string },
): Promise<void> {
  const before = namesIn(served.dir);
  for (const [name, status] of [...NAMES, ['.', dots.dot] as const, ['..', dots.dotDot] as const]) {
    const args = argsOf(opaque(Buffer.from(name, 'latin1').toString('hex')));
    const reply = await served.exchange(call('nfs3', proc, args));
    const shown = JSON.stringify(name.slice(0, 12));
    expectReply(t, reply, `${accepted} ${status} ${arm(name)}`, `the name ${shown} of ${name.length} bytes`);
  }
  await expectGarbage(t, served, proc, argsOf(opaque('61'.repeat(4097))), 'a name of 4097 bytes');
  await expectGarbage(t, served, proc, argsOf('ffffffff 61616161'), 'a name of 4 GiB');
  t.strictSame(namesIn(served.dir), before, 'nothing has changed');
}

/** One name for every byte that a name can hold, as hex. The byte of `.` is followed by `x`. */
export const EVERY_BYTE: readonly string[] = Array.from({ length: 255 }, (_, i) => Buffer.of(i + 1).toString('hex'))
  .filter(byte => byte !== '2f')
  .map(byte => (byte === '2e' ? '2e78' : byte));

/** The names in `dir` as hex, sorted. */
export const hexNamesIn = (dir: string): string[] =>
  readdirSync(dir, { encoding: 'buffer' })
    .map(name => name.toString('hex'))
    .sort();

export function renameToHex(dir: string, from: string, to: string): void {
  renameSync(join(dir, from), Buffer.concat([Buffer.from(`${dir}/`), Buffer.from(to, 'hex')]));
}

/** Errors that a brick may fail with, but the disk of a test does not, with the status of each. */
const FAILURES: Record<string, string> = {
  EIO: ERR.IO,
  ENOSPC: ERR.NOSPC,
  EDQUOT: ERR.DQUOT,
  EROFS: ERR.ROFS,
  EMLINK: ERR.MLINK,
  EOPNOTSUPP: ERR.NOTSUPP,
  ENOSYS: ERR.NOTSUPP,
  EPROTO: ERR.IO,
  ENOMEM: ERR.JUKEBOX,
  EAGAIN: ERR.JUKEBOX,
  EMFILE: ERR.JUKEBOX,
  ENOTCONN: ERR.JUKEBOX,
  EJUKEBOX: ERR.JUKEBOX,
};

/** A volume whose `fops` always fail with `errno`. */
export const failing = (errno: string, ...fops: string[]): string => `volume vol
  type debug/error-gen
  option failure 100
  option error-no ${errno}
  option enable ${fops.join(',')}
  subvolumes brick
end-volume`;

/**
 * Tests that each error of `fop` in the brick has its status. `prepare` makes what the call is about, and returns the
 * arguments and the failure arm.
 */
export async function refusesFailures(
  t: Test,
  proc: number,
  fop: string,
  prepare: (served: ServedNfs) => Promise<{ args: string; arm: () => string }>,
): Promise<void> {
  for (const [errno, status] of Object.entries(FAILURES)) {
    await t.test(`${errno} from ${fop} has its status`, async t => {
      const served = await serveNfs(t, { layers: failing(errno, fop) });
      const { args, arm } = await prepare(served);
      const before = namesIn(served.dir);
      const reply = await served.exchange(call('nfs3', proc, args, AUTH_ROOT));
      expectReply(t, reply, `${accepted} ${status} ${arm()}`);
      t.strictSame(namesIn(served.dir), before);
    });
  }
}

/** An export of a volume that is read-only. */
export const READ_ONLY_EXPORT = { options: ['option nfs3.vol.volume-access read-only'] };
/** A volume that a layer makes read-only. */
export const READ_ONLY_LAYER = { layers: 'volume vol\n type features/read-only\n subvolumes brick\nend-volume\n' };

/** Removes a tree behind the server's back. */
export const removeTree = (path: string): void => rmSync(path, { recursive: true });

/** The status in a reply, as hex. */
export const statusOf = (reply: Buffer): string => reply.toString('hex', 24, 28);
