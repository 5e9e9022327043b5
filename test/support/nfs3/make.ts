/** What MKDIR, SYMLINK and MKNOD have in common on the wire: their resok, and what they refuse. */
import { chmodSync, chownSync, lstatSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Test } from 'tap';
import { AUTH_ROOT, authSys, type ServedNfs, serveNfs } from '../nfs.ts';
import * as nfs3 from './common.ts';
import { ERR, OK, unseen } from './common.ts';
import { accepted, call, expectNfs3, expectReply, opaque, postOp, text, wcc, wccAttr } from '../wire.ts';

export interface Making {
  readonly proc: number;
  readonly fop: string;
  /** Arguments that make an ordinary object. `dir` and `name` are opaques. */
  readonly argsOf: (dir: string, name: string) => string;
}

/** Makes `name` in the volume's root, and compares the whole reply with what lstat says of it. */
export async function expectMade(
  t: Test,
  served: ServedNfs,
  proc: number,
  argsOf: (dir: string, name: string) => string,
  name: string,
  auth = AUTH_ROOT,
) {
  const { dir } = served;
  const root = await served.handle('');
  const before = wccAttr(dir);
  const reply = await served.exchange(call('nfs3', proc, argsOf(opaque(root), text(name)), auth));
  const path = join(dir, name);
  t.equal(reply.readUInt32BE(24), 0, `${name.slice(0, 20)} is made`);
  const made = await served.handle(name);
  expectReply(
    t,
    reply,
    `${accepted} ${OK}
    00000001 ${opaque(made)}   // obj: post_op_fh3
    ${postOp(path)}            // obj_attributes
    ${wcc(before, dir)}        // dir_wcc`,
  );
  const { mode, uid, gid, rdev } = lstatSync(path);
  return { mode: (mode & 0o7777).toString(8), uid, gid, rdev, path };
}

/** Tests that an object made in a setgid directory gets the directory's group. `mode` is what it has then. */
export async function makesInSetgid(t: Test, { proc, argsOf }: Making, mode: string): Promise<void> {
  const served = await serveNfs(t);
  chownSync(served.dir, 0, 2000);
  chmodSync(served.dir, 0o2777);
  const made = await expectMade(t, served, proc, argsOf, 'new', authSys(1000, 1001));
  t.match(made, { mode, uid: 1000, gid: 2000 });
}

/**
 * Tests everything that these procedures refuse alike, with the failure arm of each, and that nothing is left behind.
 */
export async function refusesToMake(t: Test, making: Making): Promise<void> {
  await t.test('what the brick refuses has wcc_data', t => brickRefuses(t, making));
  await t.test('an object that is not a directory is refused with NOTDIR', t => noDirectory(t, making));
  await t.test('a directory that is removed while the client has its handle is STALE', t => goneDirectory(t, making));
  await t.test('a read-only volume refuses with ROFS', t => readOnly(t, making));
  const { proc, fop, argsOf } = making;
  await t.test('invalid names are refused', async t => {
    const served = await serveNfs(t);
    const root = opaque(await served.handle(''));
    const dots = { dot: ERR.EXIST, dotDot: ERR.EXIST };
    await nfs3.refusesNames(
      t,
      served,
      proc,
      name => argsOf(root, name),
      () => unseen(served.dir),
      dots,
    );
  });
  await t.test('invalid handles are refused', async t => {
    await nfs3.refusesHandles(t, await serveNfs(t), proc, dir => argsOf(dir, text('new')), nfs3.NO_WCC);
  });
  await t.test('invalid arguments are refused', async t => {
    const served = await serveNfs(t);
    await nfs3.refusesGarbage(t, served, proc, argsOf(opaque(await served.handle('')), text('new')));
  });
  await t.test('errors of the brick have their statuses', async t => {
    await nfs3.refusesFailures(t, proc, fop, async served => ({
      args: argsOf(opaque(await served.handle('')), text('new')),
      arm: () => unseen(served.dir),
    }));
  });
}

/** Tests that names of 254 and 255 bytes, and one name for every byte, are made unchanged. */
export async function makesEveryName(t: Test, { proc, argsOf }: Making): Promise<void> {
  const served = await serveNfs(t);
  await expectMade(t, served, proc, argsOf, 'x'.repeat(255));
  await expectMade(t, served, proc, argsOf, 'x'.repeat(254));
  mkdirSync(join(served.dir, 'x'));
  const dir = await served.handle('x');
  for (const name of nfs3.EVERY_BYTE) {
    const reply = await served.exchange(call('nfs3', proc, argsOf(opaque(dir), opaque(name))));
    if (reply.readUInt32BE(24) !== 0) t.fail(`${name}: status ${reply.readUInt32BE(24)}`);
  }
  t.strictSame(nfs3.hexNamesIn(join(served.dir, 'x')), [...nfs3.EVERY_BYTE].sort());
}

async function brickRefuses(t: Test, { proc, argsOf }: Making) {
  const served = await serveNfs(t);
  const { dir } = served;
  mkdirSync(join(dir, 'there'));
  writeFileSync(join(dir, 'file'), '');
  symlinkSync('nowhere', join(dir, 'dangling'));
  chmodSync(dir, 0o755);
  mkdirSync(join(dir, 'group'));
  chownSync(join(dir, 'group'), 0, 2000);
  chmodSync(join(dir, 'group'), 0o770);
  mkdirSync(join(dir, 'search'));
  chmodSync(join(dir, 'search'), 0o666);
  const stranger = authSys(1000, 1001, [1002]);
  const cases = [
    { name: 'EXIST: a directory', make: 'there', status: ERR.EXIST },
    { name: 'EXIST: a file', make: 'file', status: ERR.EXIST },
    { name: 'EXIST: a symlink to nothing', make: 'dangling', status: ERR.EXIST },
    { name: 'EXIST before ACCES', make: 'there', status: ERR.EXIST, auth: stranger },
    { name: 'ACCES: neither owner nor group', make: 'new', status: ERR.ACCES, auth: stranger },
    { name: 'ACCES: not in the group', in: 'group', make: 'new', status: ERR.ACCES, auth: stranger },
    { name: 'ACCES: no right to search', in: 'search', make: 'new', status: ERR.ACCES, auth: stranger },
    { name: 'ACCES: the user nobody', make: 'new', status: ERR.ACCES, auth: authSys(65534, 65534) },
  ];
  for (const { name, in: parent = '', make, status, auth } of cases) {
    await t.test(name, async t => {
      const path = join(dir, parent);
      const names = nfs3.namesIn(dir);
      const args = argsOf(opaque(await served.handle(parent)), text(make));
      const before = wccAttr(path);
      await expectNfs3(t, served, proc, args, () => `${status} ${wcc(before, path)}`, auth);
      t.strictSame(nfs3.namesIn(dir), names);
    });
  }
}

async function noDirectory(t: Test, { proc, argsOf }: Making) {
  const served = await serveNfs(t);
  writeFileSync(join(served.dir, 'file'), 'x');
  mkdirSync(join(served.dir, 'target'));
  symlinkSync('target', join(served.dir, 'link'));
  for (const name of ['file', 'link']) {
    const args = argsOf(opaque(await served.handle(name)), text('new'));
    await expectNfs3(t, served, proc, args, () => `${ERR.NOTDIR} ${unseen(join(served.dir, name))}`);
  }
  t.strictSame(nfs3.namesIn(served.dir), ['file', 'link', 'target']);
}

/** The directory is removed behind the server's back, with what the procedure has made in it. */
async function goneDirectory(t: Test, { proc, argsOf }: Making) {
  const served = await serveNfs(t);
  mkdirSync(join(served.dir, 'a'));
  const dir = opaque(await served.handle('a'));
  await served.exchange(call('nfs3', proc, argsOf(dir, text('b'))));
  t.strictSame(nfs3.namesIn(served.dir), ['a', 'a/b']);
  nfs3.removeTree(join(served.dir, 'a'));
  await expectNfs3(t, served, proc, argsOf(dir, text('c')), `${ERR.STALE} ${nfs3.NO_WCC}`);
}

async function readOnly(t: Test, { proc, argsOf }: Making) {
  for (const [name, options, before] of [
    ['an export', nfs3.READ_ONLY_EXPORT, false],
    ['a layer', nfs3.READ_ONLY_LAYER, true],
  ] as const) {
    await t.test(name, async t => {
      const served = await serveNfs(t, options);
      const args = argsOf(opaque(await served.handle('')), text('new'));
      const wccOf = () => wcc(before ? wccAttr(served.dir) : undefined, served.dir);
      await expectNfs3(t, served, proc, args, () => `${ERR.ROFS} ${wccOf()}`);
      t.strictSame(nfs3.namesIn(served.dir), []);
    });
  }
}
