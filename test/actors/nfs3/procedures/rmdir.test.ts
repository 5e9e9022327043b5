/** RMDIR, procedure 13 (RFC 1813, 3.3.13). */
import { lstatSync, mkdirSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { serveNfs } from '../../../support/nfs.ts';
import { argsOf, expectRemoved, expectStale, refusesToRemove } from '../../../support/nfs3/remove.ts';
import * as nfs3 from '../../../support/nfs3/common.ts';
import { ERR } from '../../../support/nfs3/common.ts';
import {
  accepted,
  call,
  expectNfs3,
  expectReply,
  fattr3,
  opaque,
  time,
  wcc,
  wccAttr,
  word64,
} from '../../../support/wire.ts';

const READDIR = 16;
const RMDIR = 13;

t.test('a request and its reply, byte by byte', async t => {
  const served = await serveNfs(t);
  mkdirSync(join(served.dir, 'dir'));
  const root = await served.handle('');
  const { size, mtimeNs, ctimeNs, nlink } = lstatSync(served.dir, { bigint: true });
  const reply = await served.exchange(
    call(
      'nfs3',
      RMDIR,
      `${opaque(root)}         // object.dir
       00000003 64697200       // object.name: 3 bytes, "dir"`,
    ),
  );
  expectReply(
    t,
    reply,
    `${accepted}
    00000000                                          // NFS3_OK
    00000001 ${word64(size)} ${time(mtimeNs)} ${time(ctimeNs)}   // dir_wcc.before: size, mtime, ctime
    00000001 ${fattr3(served.dir)}                    // dir_wcc.after`,
  );
  t.strictSame(readdirSync(served.dir), []);
  t.equal(lstatSync(served.dir, { bigint: true }).nlink, nlink - 1n, 'the `..` of the removed directory was a link');
});

t.test('an empty directory of any mode; its handle is stale afterwards', async t => {
  const served = await serveNfs(t);
  for (const mode of [0o755, 0, 0o1777]) {
    mkdirSync(join(served.dir, 'x'), { mode });
    const handle = await served.handle('x');
    await expectRemoved(t, served, RMDIR, 'x');
    await expectStale(t, served, handle);
    const args = `${opaque(handle)} ${'0'.repeat(32)} 00001000`;
    await expectNfs3(t, served, READDIR, args, `${ERR.STALE} 00000000`);
  }
});

t.test('a directory that was emptied by RMDIR and on the disk', async t => {
  const served = await serveNfs(t);
  const path = join(served.dir, 'd');
  mkdirSync(join(path, 'a', 'b'), { recursive: true });
  writeFileSync(join(path, 'f'), '');
  await expectRemoved(t, served, RMDIR, 'b', { parent: 'd/a' });
  await expectRemoved(t, served, RMDIR, 'a', { parent: 'd' });
  const args = argsOf(await served.handle(''), 'd');
  const before = wccAttr(served.dir);
  await expectNfs3(t, served, RMDIR, args, () => `${ERR.NOTEMPTY} ${wcc(before, served.dir)}`);
  rmSync(join(path, 'f'));
  await expectRemoved(t, served, RMDIR, 'd');
});

t.test('a new directory of the same name has another handle', async t => {
  const served = await serveNfs(t);
  mkdirSync(join(served.dir, 'a'));
  const handle = await served.handle('a');
  await expectRemoved(t, served, RMDIR, 'a');
  mkdirSync(join(served.dir, 'a'));
  t.not(await served.handle('a'), handle);
  await expectStale(t, served, handle);
});

t.test('what the brick refuses has wcc_data', async t => {
  const served = await serveNfs(t);
  const { dir } = served;
  mkdirSync(join(dir, 'file in it'));
  writeFileSync(join(dir, 'file in it', 'x'), '');
  mkdirSync(join(dir, 'hidden file in it'));
  writeFileSync(join(dir, 'hidden file in it', '.x'), '');
  mkdirSync(join(dir, 'dir in it', 'd'), { recursive: true });
  writeFileSync(join(dir, 'file'), '');
  symlinkSync('file in it', join(dir, 'link'));
  const names = nfs3.namesIn(dir);
  for (const [name, status] of [
    ['nothing', ERR.NOENT],
    ['x'.repeat(255), ERR.NOENT],
    ['file', ERR.NOTDIR],
    ['link', ERR.NOTDIR],
    ['file in it', ERR.NOTEMPTY],
    ['hidden file in it', ERR.NOTEMPTY],
    ['dir in it', ERR.NOTEMPTY],
  ] as const) {
    const args = argsOf(await served.handle(''), name);
    const before = wccAttr(dir);
    await expectNfs3(t, served, RMDIR, args, () => `${status} ${wcc(before, dir)}`);
  }
  t.strictSame(nfs3.namesIn(dir), names);
});

t.test('in a directory that was removed: STALE', async t => {
  const served = await serveNfs(t);
  mkdirSync(join(served.dir, 'd', 'a'), { recursive: true });
  const handle = await served.handle('d');
  await expectRemoved(t, served, RMDIR, 'a', { parent: 'd' });
  rmSync(join(served.dir, 'd'), { recursive: true });
  await expectNfs3(t, served, RMDIR, argsOf(handle, 'a'), `${ERR.STALE} ${nfs3.NO_WCC}`);
});

t.test('`..` cannot remove the export or a directory outside of it', async t => {
  const served = await serveNfs(t, { options: ['option nfs3.vol.export-dir /top(*)'] });
  mkdirSync(join(served.dir, 'top', 'a'), { recursive: true });
  for (const path of ['', 'top', 'top/a']) {
    const args = argsOf(await served.handle(path), '..');
    await expectNfs3(t, served, RMDIR, args, () => `${ERR.EXIST} ${nfs3.unseen(join(served.dir, path))}`);
  }
  t.strictSame(nfs3.namesIn(served.dir), ['top', 'top/a']);
});

const removing = { proc: RMDIR, fop: 'rmdir', make: (path: string) => mkdirSync(path) };
t.test('what RMDIR refuses as REMOVE does', t => refusesToRemove(t, removing));
