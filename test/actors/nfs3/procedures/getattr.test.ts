/** GETATTR, procedure 1 (RFC 1813, 3.3.1). */
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  chownSync,
  linkSync,
  lstatSync,
  lutimesSync,
  mkdirSync,
  renameSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import t from 'tap';
import { serveNfs, temporaryDir } from '../../../support/nfs.ts';
import { ERR, OK, refusesFailures, searched } from '../../../support/nfs3/common.ts';
import {
  AUTH_NONE,
  brickFailures,
  HELLO,
  makeFile,
  needsRoot,
  objectCases,
  refusals,
  STRANGER,
} from '../../../support/nfs3/cases.ts';
import { call, expectNfs3, fattr3, opaque } from '../../../support/wire.ts';

const GETATTR = 1;
const attributes = (path: string) => `${OK} ${fattr3(path)}`;

/** The {@link fattr3} of a path with another atime and mtime. */
const withTimes = (path: string, atime: string, mtime: string) => {
  const { ctimeNs } = lstatSync(path, { bigint: true });
  const ctime = [ctimeNs / 1_000_000_000n, ctimeNs % 1_000_000_000n].map(n => n.toString(16).padStart(8, '0'));
  return `${fattr3(path).replaceAll(' ', '').slice(0, 120)} ${atime} ${mtime} ${ctime.join('')}`;
};

const served = await serveNfs(t);

t.test('every type and attribute', t =>
  objectCases(t, served, GETATTR, [
    {
      name: 'a file, byte by byte',
      make(path) {
        writeFileSync(path, HELLO);
        chmodSync(path, 0o6751);
        utimesSync(path, 1_000_000_000, 1_234_567_890.5);
      },
      reply: path => `
        00000000                     // NFS3_OK
        00000001                     // type: NF3REG
        00000de9                     // mode: 06751
        00000001                     // nlink
        ........ ........            // uid, gid
        00000000 0000000d            // size: 13
        ........ ........            // used
        00000000 00000000            // rdev
        ........ ........            // fsid
        ${lstatSync(path, { bigint: true }).ino.toString(16).padStart(16, '0')} // fileid
        3b9aca00 00000000            // atime: 1,000,000,000 s
        499602d2 1dcd6500            // mtime: 1,234,567,890.5 s
        ........ ........            // ctime`,
    },
    { name: 'a file', reply: attributes },
    { name: 'an empty file', make: path => writeFileSync(path, ''), reply: attributes },
    { name: 'a directory', make: path => mkdirSync(path), reply: attributes },
    { name: 'a symlink to nothing', make: path => symlinkSync('nowhere', path), reply: attributes },
    { name: 'a fifo', make: path => execFileSync('mkfifo', [path]), reply: attributes },
    {
      name: 'a character device of large numbers',
      make: path => execFileSync('mknod', [path, 'c', '2748', '703710']),
      reply: path => attributes(path).replace('00000abc000abcde', '00000abc 000abcde'),
      check(t, path) {
        t.match(fattr3(path), /00000abc000abcde/, 'major and minor');
      },
      skip: needsRoot,
    },
    {
      name: 'a block device',
      make: path => execFileSync('mknod', [path, 'b', '7', '300']),
      reply: attributes,
      skip: needsRoot,
    },
    {
      name: 'a sparse file of 4 TiB and 1 byte',
      make(path) {
        writeFileSync(path, '');
        truncateSync(path, 2 ** 42 + 1);
      },
      reply: path => attributes(path),
      check(t, path) {
        t.match(fattr3(path), /0000040000000001 0000000000000000/, 'size and used');
      },
    },
    {
      name: 'a file with three links',
      make(path) {
        makeFile(path);
        linkSync(path, `${path}.2`);
        linkSync(path, `${path}.3`);
      },
      reply: attributes,
    },
    {
      name: 'uid and gid 2^32 - 2',
      make(path) {
        makeFile(path);
        chownSync(path, 0xffff_fffe, 0xffff_fffe);
      },
      reply: attributes,
      skip: needsRoot,
    },
    {
      name: 'times with nanoseconds',
      make(path) {
        makeFile(path);
        execFileSync('touch', ['-a', '-d', '@1700000000.123456789', path]);
        execFileSync('touch', ['-m', '-d', '@1700000001.999999999', path]);
      },
      reply: path => `${OK} ${withTimes(path, '6553f100 075bcd15', '6553f101 3b9ac9ff')}`,
    },
    {
      name: 'the times of a symlink, not those of its target',
      make(path) {
        symlinkSync('case-1', path);
        lutimesSync(path, 5, 6);
      },
      reply: path => `${OK} ${withTimes(path, '00000005 00000000', '00000006 00000000')}`,
    },
    {
      name: 'a time before 1970 or after 2106 becomes the nearest one of nfstime3',
      make(path) {
        makeFile(path);
        execFileSync('touch', ['-a', '-d', '1960-01-01T00:00:00Z', path]);
        execFileSync('touch', ['-m', '-d', '2200-01-01T00:00:00Z', path]);
      },
      reply: path => `${OK} ${withTimes(path, '00000000 00000000', 'ffffffff 00000000')}`,
    },
    {
      name: 'mode 0, for a stranger',
      make(path) {
        makeFile(path);
        chmodSync(path, 0);
      },
      auth: STRANGER,
      reply: attributes,
    },
    { name: 'with AUTH_NONE, as clients ask while they mount (RFC 2623, 2.3.2)', auth: AUTH_NONE, reply: attributes },
  ]),
);

t.test('a socket', async t => {
  const server = createServer().listen(join(served.dir, 'socket'));
  await once(server, 'listening');
  t.teardown(() => server.close());
  const handle = await served.handle('socket');
  await expectNfs3(t, served, GETATTR, opaque(handle), () => attributes(join(served.dir, 'socket')));
});

t.test('the root of the volume', async t => {
  await expectNfs3(t, served, GETATTR, opaque(await served.handle('')), () => attributes(served.dir));
});

t.test('a change made on the disk is seen at once', async t => {
  const path = join(served.dir, 'changing');
  makeFile(path);
  const handle = await served.handle('changing');
  for (const size of [5, 0, 70_000]) {
    writeFileSync(path, 'x'.repeat(size));
    await expectNfs3(t, served, GETATTR, opaque(handle), () => attributes(path));
  }
  chmodSync(path, 0o123);
  await expectNfs3(t, served, GETATTR, opaque(handle), () => attributes(path));
});

t.test('a handle stays valid after renames of the file and of its directories, and after a restart', async t => {
  const stateDir = await temporaryDir(t, 'state');
  const before = await serveNfs(t, { stateDir });
  const at = (path: string) => join(before.dir, path);
  mkdirSync(at('a/b'), { recursive: true });
  mkdirSync(at('c'));
  makeFile(at('a/b/file'));
  const file = await before.handle('a/b/file');
  const dir = await before.handle('a/b');
  renameSync(at('a/b/file'), at('a/b/renamed'));
  await expectNfs3(t, before, GETATTR, opaque(file), () => attributes(at('a/b/renamed')));
  renameSync(at('a'), at('c/moved'));
  await searched(before, call('nfs3', GETATTR, opaque(file)));
  await expectNfs3(t, before, GETATTR, opaque(file), () => attributes(at('c/moved/b/renamed')));
  await before.graph.stop();

  renameSync(at('c'), at('d'));
  const after = await serveNfs(t, { dir: before.dir, stateDir });
  await searched(after, call('nfs3', GETATTR, opaque(file)));
  await expectNfs3(t, after, GETATTR, opaque(file), () => attributes(at('d/moved/b/renamed')));
  await searched(after, call('nfs3', GETATTR, opaque(dir)));
  await expectNfs3(t, after, GETATTR, opaque(dir), () => attributes(at('d/moved/b')));
});

t.test('with nfs.enable-ino32 the two halves of the file id are folded into one', async t => {
  const served = await serveNfs(t, { options: ['option nfs.enable-ino32 on'] });
  const { ino } = lstatSync(served.dir, { bigint: true });
  const folded = ((ino >> 32n) ^ (ino & 0xffff_ffffn)).toString(16).padStart(16, '0');
  const whole = fattr3(served.dir);
  const expected = whole.replace(ino.toString(16).padStart(16, '0'), folded);
  await expectNfs3(t, served, GETATTR, opaque(await served.handle('')), `${OK} ${expected}`);
});

t.test('errors of the brick have their statuses', async t => {
  await refusesFailures(t, GETATTR, 'stat', async served => ({
    args: opaque(await served.handle('')),
    arm: () => '',
  }));
  await brickFailures(
    t,
    { proc: GETATTR, fop: 'stat', rest: '', arm: () => '' },
    { ESTALE: ERR.STALE, EACCES: ERR.ACCES },
  );
});

t.test('refusals', t => refusals(t, { proc: GETATTR, unknown: '', authNone: true }));
