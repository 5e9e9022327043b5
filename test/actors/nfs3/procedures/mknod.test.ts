/** MKNOD, procedure 11 (RFC 1813, 3.3.11). */
import { chmodSync, lstatSync } from 'node:fs';
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
  word64,
} from '../../../support/wire.ts';

const MKNOD = 11;
const MODE_640 = `00000001 000001a0 ${NO_SATTR.slice(9)}`;

/** A mknoddata3 of each type. */
const BLK = (spec: string, sattr = NO_SATTR) => `00000003 ${sattr} ${spec}`;
const CHR = (spec: string, sattr = NO_SATTR) => `00000004 ${sattr} ${spec}`;
const SOCK = (sattr = NO_SATTR) => `00000006 ${sattr}`;
const FIFO = (sattr = NO_SATTR) => `00000007 ${sattr}`;

const argsOf = (what: string) => (dir: string, name: string) => `${dir} ${name} ${what}`;
const making: Making = { proc: MKNOD, fop: 'mknod', argsOf: argsOf(FIFO()) };

t.test('a request and its reply, byte by byte', async t => {
  const served = await serveNfs(t);
  const root = await served.handle('');
  const before = wccAttr(served.dir);
  const reply = await served.exchange(
    call(
      'nfs3',
      MKNOD,
      `${opaque(root)}               // where.dir
       00000003 64657600             // where.name: 3 bytes, "dev"
       00000004                      // what: NF3CHR
       00000001 000001b6             //   mode: 0666
       00000001 000003e8             //   uid: 1000
       00000001 000003e9             //   gid: 1001
       00000000                      //   no size
       00000002 3b9aca00 00000001    //   atime: SET_TO_CLIENT_TIME, 1,000,000,000 s and 1 ns
       00000002 499602d2 3b9ac9ff    //   mtime: 1,234,567,890 s and 999,999,999 ns
       00000001 00000003             //   spec: 1, 3`,
    ),
  );
  const { ino, ctimeNs, rdev } = lstatSync(join(served.dir, 'dev'), { bigint: true });
  t.equal(rdev, 0x103n, 'the device of /dev/null');
  const ctime = time(ctimeNs);
  const made = await served.handle('dev');
  expectReply(
    t,
    reply,
    `${accepted}
    00000000                           // NFS3_OK
    00000001 ${opaque(made)}           // obj
    00000001                           // obj_attributes
      00000004 000001b6 00000001       // NF3CHR, 0666, 1 link
      000003e8 000003e9                // uid 1000, gid 1001
      00000000 00000000                // size
      00000000 00000000                // used
      00000001 00000003                // rdev
      ........ ........                // fsid
      ${word64(ino)}                    // fileid
      3b9aca00 00000001 499602d2 3b9ac9ff ${ctime}
    ${wcc(before, served.dir)}`,
  );
});

t.test('types, modes and owners', async t => {
  const user = authSys(1000, 1001, [2000]);
  const S_IFBLK = 0o060000;
  const S_IFCHR = 0o020000;
  const S_IFSOCK = 0o140000;
  const S_IFIFO = 0o010000;
  const cases = [
    { name: 'a block device', what: BLK('00000007 00000000', MODE_640), type: S_IFBLK, mode: '640', rdev: 0x700 },
    { name: 'a character device', what: CHR('00000004 00000040', MODE_640), type: S_IFCHR, mode: '640', rdev: 0x440 },
    { name: 'no mode', what: CHR('00000001 00000005'), type: S_IFCHR, mode: '600', rdev: 0x105 },
    { name: 'device 0, 0', what: CHR('00000000 00000000'), type: S_IFCHR, mode: '600', rdev: 0 },
    { name: 'the highest numbers', what: BLK('00000fff 000fffff'), type: S_IFBLK, mode: '600', rdev: 0xffffffff },
    {
      name: 'a minor number of more than 8 bits',
      what: BLK('00000103 00000100'),
      type: S_IFBLK,
      mode: '600',
      rdev: 0x110300,
    },
    { name: 'a fifo', what: FIFO(MODE_640), type: S_IFIFO, mode: '640' },
    { name: 'a fifo without a mode', what: FIFO(), type: S_IFIFO, mode: '600' },
    { name: 'a socket', what: SOCK(MODE_640), type: S_IFSOCK, mode: '640' },
    { name: 'a socket without a mode', what: SOCK(), type: S_IFSOCK, mode: '600' },
    { name: "a user's fifo", what: FIFO(MODE_640), auth: user, type: S_IFIFO, mode: '640', uid: 1000, gid: 1001 },
    { name: "a user's socket", what: SOCK(MODE_640), auth: user, type: S_IFSOCK, mode: '640', uid: 1000, gid: 1001 },
    {
      name: 'a group that the user is in',
      what: FIFO('00000000 00000000 00000001 000007d0 00000000 00000000 00000000'),
      auth: user,
      type: S_IFIFO,
      mode: '600',
      uid: 1000,
      gid: 2000,
    },
    {
      name: 'an owner that the user may not give is ignored',
      what: SOCK('00000000 00000001 00000000 00000000 00000000 00000000 00000000'),
      auth: user,
      type: S_IFSOCK,
      mode: '600',
      uid: 1000,
      gid: 1001,
    },
    { name: 'setuid and sticky', what: FIFO(`00000001 00000bed ${NO_SATTR.slice(9)}`), type: S_IFIFO, mode: '5755' },
    {
      name: 'the server has no umask',
      what: FIFO(`00000001 000001ff ${NO_SATTR.slice(9)}`),
      type: S_IFIFO,
      mode: '777',
    },
    {
      name: 'bits above the mode are ignored',
      what: FIFO(`00000001 ffff81ff ${NO_SATTR.slice(9)}`),
      type: S_IFIFO,
      mode: '777',
    },
    {
      name: 'a size, which is ignored',
      what: FIFO('00000000 00000000 00000000 00000001 00000000 00100000 00000000 00000000'),
      type: S_IFIFO,
      mode: '600',
    },
    {
      name: 'the server’s time',
      what: SOCK('00000000 00000000 00000000 00000000 00000001 00000001'),
      type: S_IFSOCK,
      mode: '600',
    },
  ];
  for (const { name, what, auth, type, mode, rdev = 0, uid = 0, gid = 0 } of cases) {
    await t.test(name, async t => {
      const served = await serveNfs(t);
      chmodSync(served.dir, 0o777);
      const made = await expectMade(t, served, MKNOD, argsOf(what), 'new', auth);
      t.match(made, { mode, uid, gid, rdev });
      t.equal(lstatSync(made.path).mode & 0o170000, type);
    });
  }
});

t.test('in a setgid directory the object gets its group', t => makesInSetgid(t, making, '600'));

t.test('names of 255 bytes and of every byte', t => makesEveryName(t, making));
t.test('what MKDIR, SYMLINK and MKNOD refuse alike', t => refusesToMake(t, making));
t.test('invalid arguments of a device are refused', async t => {
  const served = await serveNfs(t);
  const args = argsOf(CHR('00000001 00000003', MODE_640))(opaque(await served.handle('')), text('new'));
  await nfs3.refusesGarbage(t, served, MKNOD, args);
});

t.test('types that other procedures make: BADTYPE', async t => {
  const served = await serveNfs(t);
  const root = opaque(await served.handle(''));
  for (const [type, what] of Object.entries({ NF3REG: '00000001', NF3DIR: '00000002', NF3LNK: '00000005' })) {
    await t.test(type, async t => {
      await expectNfs3(t, served, MKNOD, argsOf(what)(root, text('new')), () => `${ERR.BADTYPE} ${unseen(served.dir)}`);
      // The arm is void, but some clients send attributes nevertheless, which knfsd accepts.
      for (const sattr of [NO_SATTR, '00000001 000001a4 00000000 00000000 00000000 00000000 00000000']) {
        const args = argsOf(`${what} ${sattr}`)(root, text('new'));
        await expectNfs3(t, served, MKNOD, args, () => `${ERR.BADTYPE} ${unseen(served.dir)}`);
      }
      for (const junk of ['00000000', `${NO_SATTR} 00000000`, 'ffffffff ffffffff']) {
        await nfs3.expectGarbage(t, served, MKNOD, argsOf(`${what} ${junk}`)(root, text('new')), 'with junk');
      }
    });
  }
  t.strictSame(nfs3.namesIn(served.dir), []);
});

t.test('unknown types are GARBAGE_ARGS', async t => {
  const served = await serveNfs(t);
  const root = opaque(await served.handle(''));
  for (const type of ['00000000', '00000008', '7fffffff', 'ffffffff']) {
    await nfs3.expectGarbage(t, served, MKNOD, argsOf(type)(root, text('new')), `type ${type}`);
    await nfs3.expectGarbage(t, served, MKNOD, argsOf(`${type} ${NO_SATTR}`)(root, text('new')), `${type}, attributes`);
  }
  t.strictSame(nfs3.namesIn(served.dir), []);
});

t.test('a user cannot make a device: PERM', async t => {
  const served = await serveNfs(t);
  chmodSync(served.dir, 0o777);
  const root = opaque(await served.handle(''));
  for (const what of [BLK('00000007 00000000'), CHR('00000001 00000005')]) {
    const before = wccAttr(served.dir);
    const arm = () => `${ERR.PERM} ${wcc(before, served.dir)}`;
    await expectNfs3(t, served, MKNOD, argsOf(what)(root, text('new')), arm, authSys(1000, 1001));
  }
  t.strictSame(nfs3.namesIn(served.dir), []);
});

t.test('device numbers that are too large for the brick: INVAL', async t => {
  const served = await serveNfs(t);
  const root = opaque(await served.handle(''));
  for (const spec of ['00001000 00000000', '00000000 00100000', 'ffffffff ffffffff']) {
    const before = wccAttr(served.dir);
    const arm = () => `${ERR.INVAL} ${wcc(before, served.dir)}`;
    await expectNfs3(t, served, MKNOD, argsOf(CHR(spec))(root, text('new')), arm);
  }
  t.strictSame(nfs3.namesIn(served.dir), []);
});

t.test('impossible times: INVAL', async t => {
  const served = await serveNfs(t);
  const root = opaque(await served.handle(''));
  const mtime = '00000000 00000000 00000000 00000000 00000000 00000002 00000001 3b9aca00';
  for (const what of [FIFO(mtime), CHR('00000001 00000003', mtime), BLK('00000007 00000000', mtime)]) {
    await expectNfs3(t, served, MKNOD, argsOf(what)(root, text('new')), () => `${ERR.INVAL} ${unseen(served.dir)}`);
  }
  t.strictSame(nfs3.namesIn(served.dir), []);
});
