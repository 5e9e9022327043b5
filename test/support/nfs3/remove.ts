/** What REMOVE and RMDIR have in common on the wire: their results, and what they refuse. */
import { chmodSync, chownSync, lstatSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Test } from 'tap';
import { AUTH_ROOT, authSys, type ServedNfs, serveNfs } from '../nfs.ts';
import * as nfs3 from './common.ts';
import { ERR, OK, unseen } from './common.ts';
import { call, expectNfs3, opaque, text, wcc, wccAttr } from '../wire.ts';

export interface Removing {
  readonly proc: number;
  readonly fop: string;
  /** Makes something at `path` that the procedure may remove. */
  readonly make: (path: string) => void;
}

/** REMOVE3args and RMDIR3args: the directory's handle and the name. */
export const argsOf = (dir: string, name: string) => `${opaque(dir)} ${text(name)}`;

const GETATTR = 1;

/** Removes `name` from `parent`, and compares the reply with what lstat says of the directory before and after. */
export async function expectRemoved(
  t: Test,
  served: ServedNfs,
  proc: number,
  name: string,
  { parent = '', auth = AUTH_ROOT } = {},
): Promise<void> {
  const path = join(served.dir, parent);
  const args = argsOf(await served.handle(parent), name);
  const before = wccAttr(path);
  await expectNfs3(t, served, proc, args, () => `${OK} ${wcc(before, path)}`, auth);
  t.throws(() => lstatSync(join(path, name)), { code: 'ENOENT' });
}

/** Tests that the object of a handle is gone. */
export async function expectStale(t: Test, served: ServedNfs, handle: string): Promise<void> {
  await expectNfs3(t, served, GETATTR, opaque(handle), ERR.STALE);
}

/** Tests everything that both procedures refuse, with the failure arm of each, and that nothing is removed. */
export async function refusesToRemove(t: Test, removing: Removing): Promise<void> {
  const { proc, fop, make } = removing;
  await t.test('permissions of the directory decide', t => permissions(t, removing));
  await t.test('an object that is not a directory is refused with NOTDIR', t => noDirectory(t, removing));
  await t.test('a read-only volume refuses with ROFS', t => readOnly(t, removing));
  await t.test('names of every byte are removed', t => removesEveryName(t, removing));
  await t.test('invalid names are refused', async t => {
    const served = await serveNfs(t);
    const root = opaque(await served.handle(''));
    const dots = { dot: ERR.INVAL, dotDot: ERR.EXIST };
    await nfs3.refusesNames(
      t,
      served,
      proc,
      name => `${root} ${name}`,
      () => unseen(served.dir),
      dots,
    );
  });
  await t.test('invalid handles are refused', async t => {
    await nfs3.refusesHandles(t, await serveNfs(t), proc, dir => `${dir} ${text('x')}`, nfs3.NO_WCC);
  });
  await t.test('invalid arguments are refused', async t => {
    const served = await serveNfs(t);
    make(join(served.dir, 'x'));
    await nfs3.refusesGarbage(t, served, proc, argsOf(await served.handle(''), 'x'));
  });
  await t.test('errors of the brick have their statuses', async t => {
    await nfs3.refusesFailures(t, proc, fop, async served => {
      make(join(served.dir, 'x'));
      return { args: argsOf(await served.handle(''), 'x'), arm: () => unseen(served.dir) };
    });
  });
}

/**
 * Uid, gid and mode of the directory, and the owner of the object in it. The caller is uid 1000 with the groups 1001
 * and 2000. Without a status the removal succeeds.
 */
const PERMISSIONS = [
  { name: 'the owner of the directory', dir: [1000, 0, 0o755], object: 0 },
  { name: 'a member of its group', dir: [0, 2000, 0o775], object: 0 },
  { name: 'everybody', dir: [0, 0, 0o777], object: 0 },
  { name: "sticky, and the object is the caller's", dir: [0, 0, 0o1777], object: 1000 },
  { name: "sticky, and the directory is the caller's", dir: [1000, 0, 0o1777], object: 0 },
  { name: "ACCES: another user's directory", dir: [0, 0, 0o755], object: 1000, status: ERR.ACCES },
  { name: 'ACCES: a group without the right to write', dir: [0, 2000, 0o757], object: 1000, status: ERR.ACCES },
  { name: 'ACCES: an owner without the right to write', dir: [1000, 0, 0o577], object: 1000, status: ERR.ACCES },
  { name: 'ACCES: no right to search', dir: [0, 0, 0o776], object: 1000, status: ERR.ACCES },
  { name: "PERM: sticky, and the object is not the caller's", dir: [0, 0, 0o1777], object: 0, status: ERR.PERM },
] as const;

async function permissions(t: Test, { proc, make }: Removing) {
  for (const { name, dir, object, ...refused } of PERMISSIONS) {
    await t.test(name, async t => {
      const served = await serveNfs(t);
      chmodSync(served.dir, 0o755);
      const path = join(served.dir, 'd');
      const [uid, gid, mode] = dir;
      mkdirSync(path);
      make(join(path, 'x'));
      chownSync(join(path, 'x'), object, object);
      chownSync(path, uid, gid);
      chmodSync(path, mode);
      const auth = authSys(1000, 1001, [2000]);
      if (!('status' in refused)) {
        await expectRemoved(t, served, proc, 'x', { parent: 'd', auth });
        return;
      }
      const args = argsOf(await served.handle('d'), 'x');
      const before = wccAttr(path);
      await expectNfs3(t, served, proc, args, () => `${refused.status} ${wcc(before, path)}`, auth);
      t.strictSame(nfs3.namesIn(served.dir), ['d', 'd/x']);
    });
  }
}

async function noDirectory(t: Test, { proc, make }: Removing) {
  const served = await serveNfs(t);
  writeFileSync(join(served.dir, 'file'), 'x');
  mkdirSync(join(served.dir, 'target'));
  make(join(served.dir, 'target', 'x'));
  symlinkSync('target', join(served.dir, 'link'));
  for (const name of ['file', 'link']) {
    const args = argsOf(await served.handle(name), 'x');
    await expectNfs3(t, served, proc, args, () => `${ERR.NOTDIR} ${unseen(join(served.dir, name))}`);
  }
  t.strictSame(nfs3.namesIn(served.dir), ['file', 'link', 'target', 'target/x']);
}

async function readOnly(t: Test, { proc, make }: Removing) {
  for (const [name, options, before] of [
    ['an export', nfs3.READ_ONLY_EXPORT, false],
    ['a layer', nfs3.READ_ONLY_LAYER, true],
  ] as const) {
    await t.test(name, async t => {
      const served = await serveNfs(t, options);
      make(join(served.dir, 'x'));
      const args = argsOf(await served.handle(''), 'x');
      const wccOf = () => wcc(before ? wccAttr(served.dir) : undefined, served.dir);
      await expectNfs3(t, served, proc, args, () => `${ERR.ROFS} ${wccOf()}`);
      t.strictSame(nfs3.namesIn(served.dir), ['x']);
    });
  }
}

async function removesEveryName(t: Test, { proc, make }: Removing) {
  const served = await serveNfs(t);
  const names = [...nfs3.EVERY_BYTE, '78'.repeat(255)];
  for (const name of names) {
    make(join(served.dir, 'tmp'));
    nfs3.renameToHex(served.dir, 'tmp', name);
  }
  t.equal(nfs3.hexNamesIn(served.dir).length, names.length);
  const root = opaque(await served.handle(''));
  for (const name of names) {
    const reply = await served.exchange(call('nfs3', proc, `${root} ${opaque(name)}`));
    if (nfs3.statusOf(reply) !== OK) t.fail(`${name}: status ${nfs3.statusOf(reply)}`);
  }
  t.strictSame(nfs3.hexNamesIn(served.dir), []);
}
