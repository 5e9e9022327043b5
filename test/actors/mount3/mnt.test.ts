import pino from 'pino';
import t from 'tap';
import { FsError } from '#src/errno.ts';
import { hex } from '../../support/hex.ts';
import { ACCEPTED, mountCall, serveMount } from '../../support/mount.ts';
import { authSys, serveNfs } from '../../support/nfs.ts';
import { call as nfsCall, opaque, text } from '../../support/wire.ts';

const mounted = { handle: Buffer.from('a handle'), flavors: [1, 0] };
const paths = {
  '/data': mounted,
  '/data/sub': mounted,
  '/perm': new FsError('EPERM'),
  '/io': new FsError('EIO'),
  '/no': new FsError('EACCES'),
  '/file': new FsError('ENOTDIR'),
  '/inval': new FsError('EINVAL'),
  '/long': new FsError('ENAMETOOLONG'),
  '/nosys': new FsError('EOPNOTSUPP'),
  '/gone': new FsError('ESTALE'),
  '/bug': new TypeError('a bug'),
};

const call = (path: string) => {
  const bytes = Buffer.from(path, 'latin1');
  const padded = Buffer.concat([bytes, Buffer.alloc(-bytes.length & 3)]);
  return mountCall('00000003', '00000001', bytes.length.toString(16).padStart(8, '0') + padded.toString('hex'));
};

const cases = [
  {
    name: 'a directory: its handle and its auth flavors',
    call: mountCall('00000003', '00000001', '00000005 2f646174 61000000'),
    reply: `${ACCEPTED} 00000000
      00000000                          // MNT3_OK
      00000008 61206861 6e646c65        // fhandle: 8 bytes, "a handle"
      00000002 00000001 00000000        // AUTH_SYS, AUTH_NONE`,
  },
  { name: 'MNT3ERR_NOENT', call: call('/nowhere'), reply: `${ACCEPTED} 00000000 00000002` },
  { name: 'MNT3ERR_PERM', call: call('/perm'), reply: `${ACCEPTED} 00000000 00000001` },
  { name: 'MNT3ERR_IO', call: call('/io'), reply: `${ACCEPTED} 00000000 00000005` },
  { name: 'MNT3ERR_ACCES', call: call('/no'), reply: `${ACCEPTED} 00000000 0000000d` },
  { name: 'MNT3ERR_ACCES: ".." in the path', call: call('/data/../etc'), reply: `${ACCEPTED} 00000000 0000000d` },
  { name: 'MNT3ERR_NOTDIR', call: call('/file'), reply: `${ACCEPTED} 00000000 00000014` },
  { name: 'MNT3ERR_INVAL', call: call('/inval'), reply: `${ACCEPTED} 00000000 00000016` },
  {
    name: 'MNT3ERR_NOENT: an empty path is "/", which is not exported',
    call: call(''),
    reply: `${ACCEPTED} 00000000 00000002`,
  },
  {
    name: 'a path without a leading slash, which mountd and gNFS accept, too',
    call: mountCall('00000003', '00000001', '00000004 64617461'),
    reply: `${ACCEPTED} 00000000
      00000000 00000008 61206861 6e646c65 00000002 00000001 00000000`,
  },
  {
    name: 'MNT3ERR_ACCES: ".." without a leading slash',
    call: call('../data'),
    reply: `${ACCEPTED} 00000000 0000000d`,
  },
  { name: 'MNT3ERR_INVAL: a NUL', call: call('/da\0ta'), reply: `${ACCEPTED} 00000000 00000016` },
  { name: 'MNT3ERR_NAMETOOLONG', call: call('/long'), reply: `${ACCEPTED} 00000000 0000003f` },
  {
    name: 'MNT3ERR_NAMETOOLONG: 1,025 bytes',
    call: call(`/${'x'.repeat(1024)}`),
    reply: `${ACCEPTED} 00000000 0000003f`,
  },
  { name: 'MNT3ERR_NOTSUPP', call: call('/nosys'), reply: `${ACCEPTED} 00000000 00002714` },
  { name: 'MNT3ERR_NOENT: a stale object', call: call('/gone'), reply: `${ACCEPTED} 00000000 00000002` },
  { name: 'MNT3ERR_SERVERFAULT: a bug of the server', call: call('/bug'), reply: `${ACCEPTED} 00000000 00002716` },
  { name: 'a path over 4,096 bytes: GARBAGE_ARGS', call: call(`/${'x'.repeat(4096)}`), reply: `${ACCEPTED} 00000004` },
  {
    name: 'a path that is shorter than its length: GARBAGE_ARGS',
    call: mountCall('00000003', '00000001', '00000009 2f646174 61000000'),
    reply: `${ACCEPTED} 00000004`,
  },
  { name: 'no path at all: GARBAGE_ARGS', call: mountCall('00000003', '00000001'), reply: `${ACCEPTED} 00000004` },
  {
    name: 'bytes after the path: GARBAGE_ARGS',
    call: mountCall('00000003', '00000001', '00000005 2f646174 61000000 00000000'),
    reply: `${ACCEPTED} 00000004`,
  },
];

for (const { name, call, reply } of cases) {
  t.test(name, async t => {
    const { exchange } = await serveMount(t, { paths });
    t.equal((await exchange(call)).toString('hex'), hex(reply).toString('hex'));
  });
}

t.test('a mount is entered under one spelling of its path, a refused one is not entered', async t => {
  const { exchange, mounts } = await serveMount(t, { paths });
  for (const path of ['//data//sub/', '/data/./sub', '/no', '/bug', '/nowhere']) await exchange(call(path));
  t.strictSame(await mounts.list(), [{ host: '127.0.0.1', path: '/data/sub' }]);
});

t.test('the log says why a mount was refused, and has the stack of a bug', async t => {
  const lines: Record<string, unknown>[] = [];
  const log = pino({ base: null }, { write: line => void lines.push(JSON.parse(line) as Record<string, unknown>) });
  const { exchange } = await serveMount(t, { paths, log });
  await exchange(call('/no'));
  await exchange(call('/bug'));
  t.match(lines, [
    { level: 40, msg: 'mount refused', client: '127.0.0.1', path: '/no', errno: 'EACCES' },
    { level: 50, msg: 'MNT failed', path: '/bug', err: { message: 'a bug', stack: String } },
  ]);
});

/** Tests with a whole server that NFS accepts the flavors in `auth_flavors`, and no others (RFC 1813, 5.2.1). */
const flavors = [
  { name: 'no options', options: [], mnt: '00000001 00000001' },
  { name: 'no AUTH_NONE', options: ['option rpc-auth.auth-null off'], mnt: '00000001 00000001' },
  { name: 'no AUTH_SYS', options: ['option rpc-auth.auth-unix off'], mnt: undefined },
  { name: 'neither', options: ['option rpc-auth.auth-null off', 'option rpc-auth.auth-unix off'], mnt: undefined },
];

for (const { name, options, mnt } of flavors) {
  t.test(`MNT returns the auth flavors that NFS accepts: ${name}`, async t => {
    const { exchange } = await serveNfs(t, { options });
    const reply = await exchange(call('/vol'));
    if (mnt === undefined) {
      t.equal(reply.toString('hex'), hex(`${ACCEPTED} 00000000 0000000d`).toString('hex'), 'MNT3ERR_ACCES');
      return;
    }
    const length = reply.readUInt32BE(28);
    const handle = opaque(reply.toString('hex', 32, 32 + length));
    t.equal(reply.toString('hex', 32 + length), mnt.replace(' ', ''));
    const credentials = { '00000001': authSys(0, 0), '00000000': '00000000'.repeat(4) };
    for (const flavor of ['00000001', '00000000'] as const) {
      const LOOKUP = 3;
      const looked = await exchange(nfsCall('nfs3', LOOKUP, `${handle} ${text('.')}`, credentials[flavor]));
      const works = looked.readUInt32BE(8) === 0 && looked.readUInt32BE(24) === 0; // MSG_ACCEPTED, NFS3_OK
      t.equal(works, mnt.slice(8).includes(flavor), `flavor ${flavor}`);
    }
  });
}
