import pino from 'pino';
import t from 'tap';
import { FsError } from '#src/errno.ts';
import { hex } from '../../support/hex.ts';
import { ACCEPTED, mountCall, serveMount } from '../../support/mount.ts';

const paths = {
  '/data': { handle: Buffer.alloc(32, 0xab), flavors: [1] },
  '/long': { handle: Buffer.alloc(56, 0xab), flavors: [1] },
  '/no': new FsError('EACCES'),
  '/nosys': new FsError('ENOSYS'),
  '/bug': new TypeError('a bug'),
};

const cases = [
  {
    name: 'a directory: its handle of 32 bytes, without a length',
    args: '00000005 2f646174 61000000',                               // "/data"
    reply: `${ACCEPTED} 00000000 00000000 ${'ab'.repeat(32)}`,
  },
  {
    name: 'a handle of another length: EACCES',
    args: '00000005 2f6c6f6e 67000000',                               // "/long"
    reply: `${ACCEPTED} 00000000 0000000d`,
  },
  { name: 'EACCES', args: '00000003 2f6e6f00', reply: `${ACCEPTED} 00000000 0000000d` },
  { name: 'ENOENT', args: '00000002 2f780000', reply: `${ACCEPTED} 00000000 00000002` },
  { name: 'ENAMETOOLONG', args: `00000401 ${'2f'.repeat(1025)} 000000`, reply: `${ACCEPTED} 00000000 0000003f` },
  {
    name: 'a status that only version 3 has: EIO',
    args: '00000006 2f6e6f73 79730000',                               // "/nosys"
    reply: `${ACCEPTED} 00000000 00000005`,
  },
  { name: 'a bug of the server: EIO', args: '00000004 2f627567', reply: `${ACCEPTED} 00000000 00000005` },
  { name: 'a path cut short: GARBAGE_ARGS', args: '00000009 2f646174 61000000', reply: `${ACCEPTED} 00000004` },
]; // prettier-ignore

for (const { name, args, reply } of cases) {
  t.test(name, async t => {
    const { exchange } = await serveMount(t, { paths });
    const got = await exchange(mountCall('00000001', '00000001', args));
    t.equal(got.toString('hex'), hex(reply).toString('hex'));
  });
}

t.test('a handle of another length is explained in the log, and is not entered as mounted', async t => {
  const lines: Record<string, unknown>[] = [];
  const log = pino({ base: null }, { write: line => void lines.push(JSON.parse(line) as Record<string, unknown>) });
  const { exchange, mounts } = await serveMount(t, { paths, log });
  await exchange(mountCall('00000001', '00000001', '00000005 2f6c6f6e 67000000'));
  t.match(lines, [{ msg: 'mount refused', why: /handles of 32 bytes, this one has 56: mount with mountvers=3/ }]);
  t.equal(mounts.size, 0);
});
