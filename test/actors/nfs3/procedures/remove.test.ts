/** REMOVE, procedure 12 (RFC 1813, 3.3.12). */
import { execFileSync } from 'node:child_process';
import {
  closeSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import t from 'tap';
import { serveNfs } from '../../../support/nfs.ts';
import { argsOf, expectRemoved, expectStale, refusesToRemove } from '../../../support/nfs3/remove.ts';
import * as nfs3 from '../../../support/nfs3/common.ts';
import { ERR, OK } from '../../../support/nfs3/common.ts';
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

const GETATTR = 1;
const REMOVE = 12;

t.test('a request and its reply, byte by byte', async t => {
  const served = await serveNfs(t);
  writeFileSync(join(served.dir, 'file'), 'x');
  const root = await served.handle('');
  const { size, mtimeNs, ctimeNs } = lstatSync(served.dir, { bigint: true });
  const reply = await served.exchange(
    call(
      'nfs3',
      REMOVE,
      `${opaque(root)}         // object.dir
       00000004 66696c65       // object.name: 4 bytes, "file"`,
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
  t.strictSame(nfs3.namesIn(served.dir), []);
});

t.test('objects of every type except directories; the handle is stale afterwards', async t => {
  const served = await serveNfs(t);
  const types: Record<string, (path: string) => void> = {
    'a file': path => writeFileSync(path, 'x'),
    'a large file': path => writeFileSync(path, Buffer.alloc(17 * 1024 * 1024, 1)),
    'a file of mode 0': path => writeFileSync(path, 'x', { mode: 0 }),
    'a symlink': path => symlinkSync('/nowhere', path),
    'a symlink to a directory': path => symlinkSync('.', path),
    'a fifo': path => execFileSync('mkfifo', [path]),
    'a character device': path => execFileSync('mknod', [path, 'c', '1', '3']),
    'a block device': path => execFileSync('mknod', [path, 'b', '7', '0']),
  };
  for (const [type, make] of Object.entries(types)) {
    await t.test(type, async t => {
      make(join(served.dir, 'x'));
      const handle = await served.handle('x');
      await expectRemoved(t, served, REMOVE, 'x');
      await expectStale(t, served, handle);
    });
  }
  await t.test('a socket', async t => {
    const socket = createServer().listen(join(served.dir, 'x'));
    t.teardown(() => socket.close());
    await new Promise(resolve => socket.once('listening', resolve));
    await expectRemoved(t, served, REMOVE, 'x');
  });
});

t.test('one of two names: the object remains, with one link less', async t => {
  const served = await serveNfs(t);
  writeFileSync(join(served.dir, 'a'), 'x');
  linkSync(join(served.dir, 'a'), join(served.dir, 'b'));
  const handle = await served.handle('a');
  await expectRemoved(t, served, REMOVE, 'a');
  t.equal(lstatSync(join(served.dir, 'b')).nlink, 1);
  await expectNfs3(t, served, GETATTR, opaque(handle), () => `${OK} ${fattr3(join(served.dir, 'b'))}`);
  await expectRemoved(t, served, REMOVE, 'b');
  await expectStale(t, served, handle);
});

t.test('a symlink is removed, and not its target', async t => {
  const served = await serveNfs(t);
  writeFileSync(join(served.dir, 'a'), 'x');
  symlinkSync('a', join(served.dir, 'b'));
  await expectRemoved(t, served, REMOVE, 'b');
  t.equal(readFileSync(join(served.dir, 'a'), 'latin1'), 'x');
});

t.test('a new object of the same name has another handle', async t => {
  const served = await serveNfs(t);
  const path = join(served.dir, 'a');
  writeFileSync(path, 'x');
  const handle = await served.handle('a');
  await expectRemoved(t, served, REMOVE, 'a');
  writeFileSync(path, 'y');
  t.not(await served.handle('a'), handle);
  await expectStale(t, served, handle);
  await expectNfs3(t, served, GETATTR, opaque(await served.handle('a')), () => `${OK} ${fattr3(path)}`);
});

t.test('a file that a program on the server has open', async t => {
  const served = await serveNfs(t);
  writeFileSync(join(served.dir, 'a'), 'x');
  const fd = openSync(join(served.dir, 'a'), 'r');
  t.teardown(() => closeSync(fd));
  await expectRemoved(t, served, REMOVE, 'a');
  t.equal(readFileSync(fd, 'latin1'), 'x');
});

t.test('what the brick refuses has wcc_data', async t => {
  const served = await serveNfs(t);
  const { dir } = served;
  mkdirSync(join(dir, 'empty'));
  mkdirSync(join(dir, 'full'));
  writeFileSync(join(dir, 'full', 'x'), '');
  writeFileSync(join(dir, 'file'), '');
  for (const [name, status] of [
    ['nothing', ERR.NOENT],
    ['FILE', ERR.NOENT],
    ['x'.repeat(255), ERR.NOENT],
    ['empty', ERR.ISDIR],
    ['full', ERR.ISDIR],
  ] as const) {
    const args = argsOf(await served.handle(''), name);
    const before = wccAttr(dir);
    await expectNfs3(t, served, REMOVE, args, () => `${status} ${wcc(before, dir)}`);
  }
  t.strictSame(nfs3.namesIn(dir), ['empty', 'file', 'full', 'full/x']);
});

t.test('the second time: NOENT', async t => {
  const served = await serveNfs(t);
  writeFileSync(join(served.dir, 'a'), '');
  await expectRemoved(t, served, REMOVE, 'a');
  const before = wccAttr(served.dir);
  const args = argsOf(await served.handle(''), 'a');
  await expectNfs3(t, served, REMOVE, args, () => `${ERR.NOENT} ${wcc(before, served.dir)}`);
});

t.test('in a directory that was removed: STALE', async t => {
  const served = await serveNfs(t);
  mkdirSync(join(served.dir, 'd'));
  writeFileSync(join(served.dir, 'd', 'a'), '');
  const handle = await served.handle('d');
  await expectRemoved(t, served, REMOVE, 'a', { parent: 'd' });
  rmSync(join(served.dir, 'd'), { recursive: true });
  await expectNfs3(t, served, REMOVE, argsOf(handle, 'a'), `${ERR.STALE} ${nfs3.NO_WCC}`);
});

const removing = { proc: REMOVE, fop: 'unlink', make: (path: string) => writeFileSync(path, '') };
t.test('what REMOVE refuses as RMDIR does', t => refusesToRemove(t, removing));
