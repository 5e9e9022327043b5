/** MKDIR, procedure 9 (RFC 1813, 3.3.9). */
import { chmodSync, chownSync, existsSync, lstatSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { authSys, type ServedNfs, serveNfs } from '../../../support/nfs.ts';
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
  word64,
} from '../../../support/wire.ts';

const MKDIR = 9;
/** MKDIR3args: the handle of the directory, the name, sattr3. */
const argsOf = (dir: string, name: string, sattr = NO_SATTR) => `${dir} ${name} ${sattr}`;
const making: Making = { proc: MKDIR, fop: 'mkdir', argsOf };

const MODE_755 = `
  00000001 000001ed          // set_mode3: TRUE, 0755
  00000000 00000000 00000000 // no uid, gid, size
  00000000 00000000          // atime, mtime: DONT_CHANGE`;

t.test('a request and its reply, byte by byte', async t => {
  const served = await serveNfs(t);
  const root = await served.handle('');
  const before = wccAttr(served.dir);
  const reply = await served.exchange(
    call(
      'nfs3',
      MKDIR,
      `${opaque(root)}          // where.dir
       00000003 64697200        // where.name: 3 bytes, "dir"
       00000001 000001c0        // mode: 0700
       00000001 000003e8        // uid: 1000
       00000001 000003e9        // gid: 1001
       00000000                 // no size
       00000002 3b9aca00 00000001   // atime: SET_TO_CLIENT_TIME, 1,000,000,000 s and 1 ns
       00000002 499602d2 3b9ac9ff   // mtime: 1,234,567,890 s and 999,999,999 ns`,
    ),
  );
  const path = join(served.dir, 'dir');
  const { ino, ctimeNs, blocks } = lstatSync(path, { bigint: true });
  const ctime = time(ctimeNs);
  expectReply(
    t,
    reply,
    `${accepted}
    00000000                           // NFS3_OK
    00000001 ${opaque(await served.handle('dir'))}
    00000001                           // obj_attributes
      00000002 000001c0 00000002       // NF3DIR, 0700, 2 links
      000003e8 000003e9                // uid 1000, gid 1001
      ........ ........                // size
      ${word64(blocks * 512n)}          // used
      00000000 00000000                // rdev
      ........ ........                // fsid
      ${word64(ino)}                    // fileid
      3b9aca00 00000001 499602d2 3b9ac9ff ${ctime}
    ${wcc(before, served.dir)}`,
  );
});

t.test('modes and owners', async t => {
  const sattrOfMode = (mode: string) => `00000001 ${mode} ${NO_SATTR.slice(9)}`;
  const cases = [
    { name: 'no attributes', sattr: NO_SATTR, mode: '700' },
    { name: 'mode 0755', sattr: MODE_755, mode: '755' },
    { name: 'mode 0', sattr: sattrOfMode('00000000'), mode: '0' },
    { name: 'the server has no umask', sattr: sattrOfMode('000001ff'), mode: '777' },
    { name: 'sticky', sattr: sattrOfMode('000003ff'), mode: '1777' },
    { name: 'setuid and setgid', sattr: sattrOfMode('00000ded'), mode: '6755' },
    { name: 'bits above the mode are ignored', sattr: sattrOfMode('fffff1ed'), mode: '755' },
    { name: 'uid', sattr: '00000000 00000001 000003e8 00000000 00000000 00000000 00000000', mode: '700', uid: 1000 },
    { name: 'gid', sattr: '00000000 00000000 00000001 000003e8 00000000 00000000 00000000', mode: '700', gid: 1000 },
    {
      name: 'a size, which is ignored',
      sattr: '00000000 00000000 00000000 00000001 00000000 00100000 00000000 00000000',
      mode: '700',
    },
    { name: 'the server’s time', sattr: '00000000 00000000 00000000 00000000 00000001 00000001', mode: '700' },
    { name: 'by a user, who owns it', sattr: MODE_755, auth: authSys(1000, 1001), mode: '755', uid: 1000, gid: 1001 },
    {
      name: 'an owner that the user may not give is ignored',
      sattr: '00000000 00000001 00000000 00000001 00000000 00000000 00000000 00000000',
      auth: authSys(1000, 1001),
      mode: '700',
      uid: 1000,
      gid: 1001,
    },
    {
      name: 'a group that the user is in',
      sattr: '00000000 00000000 00000001 000007d0 00000000 00000000 00000000',
      auth: authSys(1000, 1001, [2000]),
      mode: '700',
      uid: 1000,
      gid: 2000,
    },
  ];
  for (const { name, sattr, auth, mode, uid = 0, gid = 0 } of cases) {
    await t.test(name, async t => {
      const served = await serveNfs(t);
      chmodSync(served.dir, 0o777);
      const made = await expectMade(t, served, MKDIR, (dir, name) => argsOf(dir, name, sattr), 'new', auth);
      t.match(made, { mode, uid, gid });
      t.equal(lstatSync(made.path).nlink, 2);
    });
  }
});

const makes755 = (t: Test, served: ServedNfs, auth: string) =>
  expectMade(t, served, MKDIR, (dir, name) => argsOf(dir, name, MODE_755), 'new', auth);

t.test('in a setgid directory the new one gets its group and setgid', t =>
  makesInSetgid(t, { ...making, argsOf: (dir, name) => argsOf(dir, name, MODE_755) }, '2755'),
);

t.test('in a directory that belongs to a group of the caller', async t => {
  const served = await serveNfs(t);
  chownSync(served.dir, 0, 2000);
  chmodSync(served.dir, 0o770);
  const made = await makes755(t, served, authSys(1000, 1001, [7, 2000]));
  t.match(made, { mode: '755', uid: 1000, gid: 1001 });
});

t.test('names of 255 bytes and of every byte', t => makesEveryName(t, making));
t.test('what MKDIR, SYMLINK and MKNOD refuse alike', t => refusesToMake(t, making));

t.test('impossible times: INVAL', async t => {
  const served = await serveNfs(t);
  const root = await served.handle('');
  const wrong = {
    'an atime of 10^9 ns': '00000000 00000000 00000000 00000000 00000002 00000001 3b9aca00 00000000',
    'an mtime of 2^32 - 1 ns': '00000000 00000000 00000000 00000000 00000000 00000002 00000001 ffffffff',
  };
  for (const sattr of Object.values(wrong)) {
    await expectNfs3(
      t,
      served,
      MKDIR,
      argsOf(opaque(root), text('new'), sattr),
      () => `${ERR.INVAL} ${unseen(served.dir)}`,
    );
  }
  t.notOk(existsSync(join(served.dir, 'new')));
});

t.test('invalid attributes are GARBAGE_ARGS', async t => {
  const served = await serveNfs(t);
  const root = await served.handle('');
  for (const sattr of [
    '00000002 00000000 00000000 00000000 00000000 00000000 00000000', // set_mode3: neither TRUE nor FALSE
    '00000000 00000000 00000000 00000000 00000003 00000000', // atime: no time_how
    '00000000 00000000 00000000 00000000 00000000 ffffffff',
  ]) {
    await nfs3.expectGarbage(t, served, MKDIR, argsOf(opaque(root), text('new'), sattr), sattr);
  }
  t.strictSame(nfs3.namesIn(served.dir), []);
});
