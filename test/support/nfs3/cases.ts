/** Tables of NFS3 tests about one object, and what all procedures about one refuse alike. */
import { mkdirSync, renameSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Test } from 'tap';
import { AUTH_ROOT, authSys, type ServedNfs, serveNfs, temporaryDir } from '../nfs.ts';
import { ERR, failing, refusesGarbage, refusesHandles } from './common.ts';
import { accepted, call, expectNfs3, expectReply, opaque, wccAttr, XID } from '../wire.ts';

/** Who owns what the cases make, who shares a group with it, and who does not. */
export const OWNER_ID = 1000;
export const OWNER = authSys(OWNER_ID, OWNER_ID);
export const MEMBER = authSys(1001, 1001, [OWNER_ID]);
export const STRANGER = authSys(2000, 2000);
export const AUTH_NONE = '00000000 00000000 00000000 00000000';

/** Without it nobody can act as somebody else. */
export const isRoot = process.getuid?.() === 0;

/** ext4 has a limit to a file's size that is below what a Number can count: a reason to skip where it is another. */
export const notExt4 = (path: string): string | false => statfsSync(path).type !== 0xef53 && 'not on ext4';
/** 16 TiB less a block: the largest file of ext4, with blocks of 4 KiB. */
export const EXT4_SIZE_MAX = '00000ffffffff000';

export const HELLO = 'hello, world\n';
export const makeFile = (path: string): void => writeFileSync(path, HELLO, { mode: 0o644 });

export interface ObjectCase {
  readonly name: string;
  /** Makes what the call is about; a file of 13 bytes unless it says otherwise. */
  readonly make?: (path: string) => void;
  /** What follows the handle, as hex. */
  readonly rest?: string | ((path: string) => string);
  readonly auth?: string;
  /**
   * Status and results. `before` is the object's wcc_attr of before the call, `path` is as it is after it; `answer` is
   * for what the server is free to choose.
   */
  readonly reply: (path: string, before: string, answer: Buffer) => string | Promise<string>;
  /** What else must hold then. */
  readonly check?: (t: Test, path: string) => void | Promise<void>;
  readonly skip?: string | false;
}

let made = 0;

/** Each case has an object of its own in the volume's root. */
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

export interface Refusing {
  readonly proc: number;
  /** What follows the handle in arguments that are good. */
  readonly rest?: string;
  /** The failure arm behind the status when nothing is known of the object. */
  readonly unknown: string;
  /** Makes what the call can be about; a file unless it says otherwise. */
  readonly make?: (path: string) => void;
  /** Whether AUTH_NONE will do (RFC 2623, 2.3.2). */
  readonly authNone?: boolean;
}

/** Without kernel handles what has gone from its place is searched first, and callers are told to come back: repeats `record` until. */
export async function searched(served: ServedNfs, record: Buffer): Promise<void> {
  for (let tries = 0; !isRoot && tries < 100; tries++) {
    const reply = await served.exchange(record);
    if (reply.toString('hex', 24, 28) !== ERR.JUKEBOX) return;
    await sleep(10);
  }
}

/** BADHANDLE, STALE, GARBAGE_ARGS, a client that may not, credentials that are too weak. */
export async function refusals(t: Test, { proc, rest = '', unknown, make = makeFile, authNone }: Refusing) {
  await t.test('handles that are none: BADHANDLE, STALE', async t => {
    await refusesHandles(t, await serveNfs(t), proc, handle => `${handle} ${rest}`, unknown);
  });

  await t.test('arguments that are none: GARBAGE_ARGS', async t => {
    const served = await serveNfs(t);
    make(join(served.dir, 'object'));
    await refusesGarbage(t, served, proc, `${opaque(await served.handle('object'))} ${rest}`);
  });

  await t.test('what is gone, or has been replaced: STALE, before and after a restart', async t => {
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

  await t.test('a client that the export refuses: ACCES', async t => {
    const open = await serveNfs(t);
    const handle = await open.handle('');
    const served = await serveNfs(t, { dir: open.dir, options: ['option rpc-auth.addr.vol.reject 127.0.0.1'] });
    await expectNfs3(t, served, proc, `${opaque(handle)} ${rest}`, `${ERR.ACCES} ${unknown}`);
  });

  await t.test(`AUTH_NONE: ${authNone ? 'good enough' : 'AUTH_TOOWEAK'}`, async t => {
    const served = await serveNfs(t);
    const args = `${opaque(await served.handle(''))} ${rest}`;
    const reply = await served.exchange(call('nfs3', proc, args, AUTH_NONE));
    // MSG_DENIED, AUTH_ERROR, AUTH_TOOWEAK (RFC 5531, 9)
    if (authNone) t.equal(reply.toString('hex', 0, 28), `${accepted} 00000000`.replaceAll(' ', ''));
    else expectReply(t, reply, `${XID} 00000001 00000001 00000001 00000005`);
  });
}

/** As refusesFailures, for what only some procedures fail with: `statuses` by errno. `arm` follows the status. */
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
    await t.test(`${fop} fails with ${errno}`, async t => {
      const served = await serveNfs(t, { layers: failing(errno, fop) });
      await objectCases(t, served, proc, [
        { name: 'its status', make, rest, reply: (path, before) => `${status} ${arm(path, before)}` },
      ]);
    });
  }
}
