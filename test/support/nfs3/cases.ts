/** Tables of NFS3 cases about one object, and what all procedures on one object refuse alike. */
import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, chownSync, mkdirSync, renameSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Test } from 'tap';
import { AUTH_ROOT, authSys, type ServedNfs, serveNfs, temporaryDir } from '../nfs.ts';
import { ERR, failing, refusesGarbage, refusesHandles, searched, unseen } from './common.ts';
import { accepted, call, expectNfs3, expectReply, opaque, postOp, wcc, wccAttr, XID } from '../wire.ts';

/** The uid and gid of the owner of what the cases make. */
export const OWNER_ID = 1000;
export const OWNER = authSys(OWNER_ID, OWNER_ID);
/** A user that shares a group with the owner. */
export const MEMBER = authSys(1001, 1001, [OWNER_ID]);
/** A user that shares no group with the owner. */
export const STRANGER = authSys(2000, 2000);
export const AUTH_NONE = '00000000 00000000 00000000 00000000';

/** Whether the tests run as root. Otherwise they cannot act as other users. */
export const isRoot = process.getuid?.() === 0;
/** A reason to skip what only root can do. */
export const needsRoot: string | false = !isRoot && 'only root can';

/** A reason to skip unless `path` is on ext4, whose largest file size is known and below what a Number can count. */
export const notExt4 = (path: string): string | false => statfsSync(path).type !== 0xef53 && 'not on ext4';
/** The largest file size of ext4 with blocks of 4 KiB: 16 TiB less one block. */
export const EXT4_SIZE_MAX = '00000ffffffff000';

/** A reason to skip unless chattr(1) can make a file in `dir` immutable. */
export function notImmutable(dir: string): string | false {
  if (needsRoot) return needsRoot;
  const path = join(dir, 'chattr');
  writeFileSync(path, '');
  const { error, status } = spawnSync('chattr', ['+i', path]);
  if (status === 0) spawnSync('chattr', ['-i', path]);
  rmSync(path);
  if (error) return 'chattr(1) is missing';
  return status !== 0 && 'the file system has no immutable files';
}

export const HELLO = 'hello, world\n';
export const makeFile = (path: string): void => writeFileSync(path, HELLO, { mode: 0o644 });

/**
 * Makes an object of the owner with the given mode. If the tests do not run as root, it belongs to their own user.
 */
export const ownedBy = (make: (path: string) => void) => (mode: number) => (path: string) => {
  make(path);
  if (isRoot) chownSync(path, OWNER_ID, OWNER_ID);
  chmodSync(path, mode);
};
export const owned = ownedBy(makeFile);
export const ownedDir = ownedBy(path => mkdirSync(path));

/** The failure arm with a post_op_attr of the object. */
export const refused = (status: string) => (path: string) => `${status} ${postOp(path)}`;
/** The failure arm with a wcc_data of the object, which the call has not changed. */
export const unchanged = (status: string) => (path: string, before: string) => `${status} ${wcc(before, path)}`;
/** The failure arm with a wcc_data if the brick was not asked, so that nothing from before the call is known. */
export const unasked = (status: string) => (path: string) => `${status} ${unseen(path)}`;

/** Tests that a call on a file that chattr(1) has made immutable is refused with PERM. Returns the path of the file. */
export async function refusesImmutable(t: Test, served: ServedNfs, proc: number, rest: string): Promise<string> {
  const path = join(served.dir, 'immutable');
  makeFile(path);
  const handle = opaque(await served.handle('immutable'));
  execFileSync('chattr', ['+i', path]);
  t.teardown(() => execFileSync('chattr', ['-i', path]));
  const before = wccAttr(path);
  await expectNfs3(t, served, proc, `${handle} ${rest}`, () => unchanged(ERR.PERM)(path, before));
  return path;
}

export interface ObjectCase {
  readonly name: string;
  /** Makes the object that the call is about. The default is a file of 13 bytes. */
  readonly make?: (path: string) => void;
  /** The arguments after the handle, as hex. */
  readonly rest?: string | ((path: string) => string);
  readonly auth?: string;
  /**
   * The expected status and results. `before` is the object's wcc_attr before the call, `path` is the object after it,
   * and `answer` is the reply, for values that the server is free to choose.
   */
  readonly reply: (path: string, before: string, answer: Buffer) => string | Promise<string>;
  /** Further checks after the call. */
  readonly check?: (t: Test, path: string) => void | Promise<void>;
  readonly skip?: string | false;
}

let made = 0;

/** Runs the cases, each on an object of its own in the volume's root. */
export async function objectCases(
  t: Test,
  served: ServedNfs,
  proc: number,
  cases: readonly ObjectCase[],
): Promise<void> {
  for (const { name, make = makeFile, rest = '', auth = AUTH_ROOT, reply, check, skip } of cases) {
    const asOthers = auth !== AUTH_ROOT && !isRoot && 'only root can act as others';
    await t.test(name, { skip: skip || asOthers }, async t => {
      const path = join(served.dir, `case-${++made}`);
      make(path);
      const handle = await served.handle(path.slice(served.dir.length + 1));
      const args = `${opaque(handle)} ${typeof rest === 'string' ? rest : rest(path)}`;
      const before = wccAttr(path);
      const answer = await served.exchange(call('nfs3', proc, args, auth));
      expectReply(t, answer, `${accepted} ${await reply(path, before, answer)}`);
      await check?.(t, path);
    });
  }
}

/** Like {@link objectCases}, for many tables about one procedure: `t.test(name, run(cases))`. */
export const runs =
  (served: ServedNfs, proc: number) =>
  (cases: readonly ObjectCase[]) =>
  (t: Test): Promise<void> =>
    objectCases(t, served, proc, cases);

export interface Refusing {
  readonly proc: number;
  /** The arguments after the handle, with valid values. */
  readonly rest?: string;
  /** The failure arm that follows the status when nothing is known of the object. */
  readonly unknown: string;
  /** Makes an object that the call can be about. The default is a file. */
  readonly make?: (path: string) => void;
  /** Whether AUTH_NONE is accepted (RFC 2623, 2.3.2). */
  readonly authNone?: boolean;
}

/** Tests that a procedure refuses invalid handles, invalid arguments, rejected clients and weak credentials. */
export async function refusals(t: Test, { proc, rest = '', unknown, make = makeFile, authNone }: Refusing) {
  await t.test('invalid handles are refused with BADHANDLE or STALE', async t => {
    await refusesHandles(t, await serveNfs(t), proc, handle => `${handle} ${rest}`, unknown);
  });

  await t.test('invalid arguments are refused with GARBAGE_ARGS', async t => {
    const served = await serveNfs(t);
    make(join(served.dir, 'object'));
    await refusesGarbage(t, served, proc, `${opaque(await served.handle('object'))} ${rest}`);
  });

  await t.test('an object that is gone or replaced is STALE, before and after a restart', async t => {
    const stateDir = await temporaryDir(t, 'state');
    const first = await serveNfs(t, { stateDir });
    const [gone, replaced, other] = ['gone', 'replaced', 'other'].map(name => join(first.dir, name)) as string[];
    make(gone!);
    make(replaced!);
    mkdirSync(other!);
    const handles = [await first.handle('gone'), await first.handle('replaced')];
    rmSync(gone!, { recursive: true });
    rmSync(replaced!, { recursive: true });
    make(join(other!, 'new'));
    renameSync(join(other!, 'new'), replaced!);
    const stale = async (served: ServedNfs) => {
      for (const handle of handles) {
        const args = `${opaque(handle)} ${rest}`;
        await searched(served, call('nfs3', proc, args));
        await expectNfs3(t, served, proc, args, `${ERR.STALE} ${unknown}`);
      }
    };
    await stale(first);
    await first.graph.stop();
    await stale(await serveNfs(t, { dir: first.dir, stateDir }));
  });

  await t.test('a client that the export rejects gets ACCES', async t => {
    const open = await serveNfs(t);
    const handle = await open.handle('');
    const served = await serveNfs(t, { dir: open.dir, options: ['option rpc-auth.addr.vol.reject 127.0.0.1'] });
    await expectNfs3(t, served, proc, `${opaque(handle)} ${rest}`, `${ERR.ACCES} ${unknown}`);
  });

  await t.test(`AUTH_NONE ${authNone ? 'is accepted' : 'is refused with AUTH_TOOWEAK'}`, async t => {
    const served = await serveNfs(t);
    const args = `${opaque(await served.handle(''))} ${rest}`;
    const reply = await served.exchange(call('nfs3', proc, args, AUTH_NONE));
    // MSG_DENIED, AUTH_ERROR, AUTH_TOOWEAK (RFC 5531, 9)
    if (authNone) t.equal(reply.toString('hex', 0, 28), `${accepted} 00000000`.replaceAll(' ', ''));
    else expectReply(t, reply, `${XID} 00000001 00000001 00000001 00000005`);
  });
}

/**
 * Like `refusesFailures`, for errors of a brick that only some procedures know. `statuses` maps the errno to the
 * status. `arm` gives the failure arm that follows the status.
 */
export async function brickFailures(
  t: Test,
  {
    proc,
    fop,
    rest,
    make = makeFile,
    arm,
  }: {
    readonly proc: number;
    readonly fop: string;
    readonly rest: string;
    readonly make?: (path: string) => void;
    readonly arm: (path: string, before: string) => string;
  },
  statuses: Readonly<Record<string, string>>,
): Promise<void> {
  for (const [errno, status] of Object.entries(statuses)) {
    await t.test(`${errno} from ${fop} has its status`, async t => {
      const served = await serveNfs(t, { layers: failing(errno, fop) });
      await objectCases(t, served, proc, [
        {
          name: 'the status and the failure arm',
          make,
          rest,
          reply: (path, before) => `${status} ${arm(path, before)}`,
        },
      ]);
    });
  }
}
