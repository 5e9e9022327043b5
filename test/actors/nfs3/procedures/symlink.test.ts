/** SYMLINK, procedure 10 (RFC 1813, 3.3.10). */
import { chmodSync, lstatSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { authSys, serveNfs } from '../../../support/nfs.ts';
import { expectMade, type Making, makesEveryName, makesInSetgid, refusesToMake } from '../../../support/nfs3/make.ts';
import * as nfs3 from '../../../support/nfs3/common.ts';
import { ERR, NO_SATTR, unseen } from '../../../support/nfs3/common.ts';
import {
  accepted,
  call,
  expectNfs3,
  expectReply,
  opaque,
  text,
  time,
  wcc,
  wccAttr,
  word,
  word64,
} from '../../../support/wire.ts';

const SYMLINK = 10;
/** SYMLINK3args: the handle of the directory, the name, sattr3, the target. */
const argsOf = (dir: string, name: string, target = text('to'), sattr = NO_SATTR) =>
  `${dir} ${name} ${sattr} ${target}`;
const making: Making = { proc: SYMLINK, fop: 'symlink', argsOf: (dir, name) => argsOf(dir, name) };
const target = (path: string) => readlinkSync(path, { encoding: 'buffer' }).toString('latin1');

t.test('a request and its reply, byte by byte', async t => {
  const served = await serveNfs(t);
  const root = await served.handle('');
  const before = wccAttr(served.dir);
  const reply = await served.exchange(
    call(
      'nfs3',
      SYMLINK,
      `${opaque(root)}               // where.dir
       00000004 6c696e6b             // where.name: 4 bytes, "link"
       00000000                      // symlink_attributes: no mode
       00000001 000003e8             //   uid: 1000
       00000001 000003e9             //   gid: 1001
       00000000                      //   no size
       00000002 3b9aca00 00000001    //   atime: SET_TO_CLIENT_TIME, 1,000,000,000 s and 1 ns
       00000002 499602d2 3b9ac9ff    //   mtime: 1,234,567,890 s and 999,999,999 ns
       00000007 2e2e2f61 2f622f00    // symlink_data: 7 bytes, "../a/b/"`,
    ),
  );
  const path = join(served.dir, 'link');
  const { ino, ctimeNs } = lstatSync(path, { bigint: true });
  const ctime = time(ctimeNs);
  const link = await served.handle('link');
  expectReply(
    t,
    reply,
    `${accepted}
    00000000                           // NFS3_OK
    00000001 ${opaque(link)}           // obj
    00000001                           // obj_attributes
      00000005 000001ff 00000001       // NF3LNK, 0777, 1 link
      000003e8 000003e9                // uid 1000, gid 1001
      00000000 00000007                // size: the target's
      ........ ........                // used
      00000000 00000000                // rdev
      ........ ........                // fsid
      ${word64(ino)}                    // fileid
      ........ ........ 499602d2 3b9ac9ff ${ctime}
    ${wcc(before, served.dir)}`,
  );
  t.equal(target(path), '../a/b/');
});

t.test('targets of any bytes that a path can have', async t => {
  const served = await serveNfs(t);
  const targets = {
    dot: '.',
    absolute: '/etc/passwd',
    climbing: '../../../../..',
    itself: 'itself',
    'all bytes': Buffer.from(Array.from({ length: 255 }, (_, i) => i + 1)).toString('latin1'),
    'a long name': 'x'.repeat(300),
    longest: `${'y'.repeat(250)}/`.repeat(16).padEnd(4095, 'z'),
    'slashes only': '////',
  };
  for (const [name, to] of Object.entries(targets)) {
    await t.test(name, async t => {
      const made = await expectMade(t, served, SYMLINK, (dir, name) => argsOf(dir, name, text(to)), name);
      t.equal(target(made.path), to);
    });
  }
});

t.test('impossible targets are refused', async t => {
  const served = await serveNfs(t);
  const root = opaque(await served.handle(''));
  const cases = [
    { name: 'no bytes: INVAL', to: '', status: ERR.INVAL },
    { name: 'a NUL: INVAL', to: 'a\0b', status: ERR.INVAL },
    { name: '4096 bytes: NAMETOOLONG', to: 'y'.repeat(4096), status: ERR.NAMETOOLONG },
    { name: '16384 bytes: NAMETOOLONG', to: 'y'.repeat(16_384), status: ERR.NAMETOOLONG },
  ];
  for (const { name, to, status } of cases) {
    await t.test(name, async t => {
      const args = argsOf(root, text('new'), text(to));
      await expectNfs3(t, served, SYMLINK, args, () => `${status} ${unseen(served.dir)}`);
    });
  }
  await nfs3.expectGarbage(t, served, SYMLINK, argsOf(root, text('new'), text('y'.repeat(16_385))), '16385 bytes');
  await nfs3.expectGarbage(t, served, SYMLINK, argsOf(root, text('new'), 'ffffffff 61616161'), '4 GiB');
  t.strictSame(nfs3.namesIn(served.dir), []);
});

t.test('attributes', async t => {
  const cases = [
    { name: 'a mode, which is ignored', sattr: `00000001 00000180 ${NO_SATTR.slice(9)}` },
    {
      name: 'a size, which is ignored',
      sattr: '00000000 00000000 00000000 00000001 00000000 00100000 00000000 00000000',
    },
    { name: 'the server’s time', sattr: '00000000 00000000 00000000 00000000 00000001 00000001' },
    { name: 'by a user, who owns it', auth: authSys(1000, 1001), uid: 1000, gid: 1001 },
    {
      name: 'an owner that the user may not give is ignored',
      sattr: '00000000 00000001 00000000 00000001 00000000 00000000 00000000 00000000',
      auth: authSys(1000, 1001),
      uid: 1000,
      gid: 1001,
    },
    {
      name: 'a group that the user is in',
      sattr: '00000000 00000000 00000001 000007d0 00000000 00000000 00000000',
      auth: authSys(1000, 1001, [2000]),
      uid: 1000,
      gid: 2000,
    },
  ];
  for (const { name, sattr, auth, uid = 0, gid = 0 } of cases) {
    await t.test(name, async t => {
      const served = await serveNfs(t);
      chmodSync(served.dir, 0o777);
      const args = (dir: string, name: string) => argsOf(dir, name, text('to'), sattr);
      t.match(await expectMade(t, served, SYMLINK, args, 'new', auth), { mode: '777', uid, gid });
      t.equal(target(join(served.dir, 'new')), 'to');
    });
  }
});

t.test('in a setgid directory the object gets its group', t => makesInSetgid(t, making, '777'));

t.test('names of 255 bytes and of every byte', t => makesEveryName(t, making));
t.test('what MKDIR, SYMLINK and MKNOD refuse alike', t => refusesToMake(t, making));

t.test('impossible times: INVAL', async t => {
  const served = await serveNfs(t);
  const root = opaque(await served.handle(''));
  const atime = `00000000 00000000 00000000 00000000 00000002 00000001 ${word(1e9)} 00000000`;
  const args = argsOf(root, text('new'), text('to'), atime);
  await expectNfs3(t, served, SYMLINK, args, () => `${ERR.INVAL} ${unseen(served.dir)}`);
  const setIt = '00000000 00000000 00000000 00000002 00000000 00000000';
  await nfs3.expectGarbage(t, served, SYMLINK, argsOf(root, text('new'), text('to'), setIt), 'a set_it of 2');
  t.strictSame(nfs3.namesIn(served.dir), []);
});
