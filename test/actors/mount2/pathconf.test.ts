/** MOUNT version 2: version 1 and PATHCONF, procedure 7 (X/Open XNFS, 7.3). */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { FsError } from '#src/errno.ts';
import { hex } from '../../support/hex.ts';
import { ACCEPTED, mountCall, serveMount } from '../../support/mount.ts';
import { serveNfs } from '../../support/nfs.ts';
import { text } from '../../support/wire.ts';

const mounted = { handle: Buffer.alloc(32, 0xab), flavors: [1], linkMax: 65_000, nameMax: 255 };
const paths = {
  '/data': mounted,
  '/wide': { ...mounted, linkMax: 2 ** 40, nameMax: 2 ** 40 },
  '/no': new FsError('EACCES'),
};
const pathconf = (args: string) => mountCall('00000002', '00000007', args);

const cases = [
  {
    name: 'PATHCONF of a directory',
    call: pathconf(text('/data')),
    reply: `${ACCEPTED} 00000000
      0000fde8            // pc_link_max
      000000ff 000000ff   // pc_max_canon, pc_max_input
      000000ff            // pc_name_max
      00001000 00001000   // pc_path_max, pc_pipe_buf
      00000000 00000000   // pc_vdisable, pc_xxx
      00000280 00000000   // pc_mask: _PC_NO_TRUNC and _PC_CHOWN_RESTRICTED, all values valid`,
  },
  {
    name: 'PATHCONF of limits that are too large for its reply',
    call: pathconf(text('/wide')),
    reply: `${ACCEPTED} 00000000 7fffffff 000000ff 000000ff 00007fff 00001000 00001000 00000000 00000000 00000280 00000000`,
  },
  {
    name: 'PATHCONF of a directory that the caller may not mount: _PC_ERROR',
    call: pathconf(text('/no')),
    reply: `${ACCEPTED} 00000000 ${'00000000'.repeat(8)} 00000001 00000000`,
  },
  {
    name: 'PATHCONF of a path that does not exist: _PC_ERROR',
    call: pathconf(text('/nowhere')),
    reply: `${ACCEPTED} 00000000 ${'00000000'.repeat(8)} 00000001 00000000`,
  },
  { name: 'PATHCONF without a path: GARBAGE_ARGS', call: pathconf(''), reply: `${ACCEPTED} 00000004` },
  { name: 'NULL', call: mountCall('00000002', '00000000'), reply: `${ACCEPTED} 00000000` },
  {
    name: 'MNT: as in version 1',
    call: mountCall('00000002', '00000001', text('/data')),
    reply: `${ACCEPTED} 00000000 00000000 ${'ab'.repeat(32)}`,
  },
  {
    name: 'MNT that is refused',
    call: mountCall('00000002', '00000001', text('/no')),
    reply: `${ACCEPTED} 00000000 0000000d`,
  },
  { name: 'DUMP', call: mountCall('00000002', '00000002'), reply: `${ACCEPTED} 00000000 00000000` },
  { name: 'UMNT', call: mountCall('00000002', '00000003', text('/data')), reply: `${ACCEPTED} 00000000` },
  { name: 'UMNTALL', call: mountCall('00000002', '00000004'), reply: `${ACCEPTED} 00000000` },
  { name: 'EXPORT', call: mountCall('00000002', '00000005'), reply: `${ACCEPTED} 00000000 00000000` },
  { name: 'procedure 8: PROC_UNAVAIL', call: mountCall('00000002', '00000008'), reply: `${ACCEPTED} 00000003` },
  {
    name: 'version 1 has no PATHCONF',
    call: mountCall('00000001', '00000007', text('/data')),
    reply: `${ACCEPTED} 00000003`,
  },
  {
    name: 'version 3 has no PATHCONF',
    call: mountCall('00000003', '00000007', text('/data')),
    reply: `${ACCEPTED} 00000003`,
  },
];

for (const { name, call, reply } of cases) {
  t.test(name, async t => {
    const { exchange, mounts } = await serveMount(t, { paths });
    t.equal((await exchange(call)).toString('hex'), hex(reply).toString('hex'));
    t.equal(mounts.size, name.startsWith('MNT: as') ? 1 : 0, 'only MNT enters a mount');
  });
}

t.test('the limits of a directory are those of the brick, and a file has none', async t => {
  const { exchange, dir, mounts } = await serveNfs(t);
  mkdirSync(join(dir, 'd'));
  const reply = await exchange(pathconf(text('/vol/d')));
  t.equal(reply.readUInt32BE(24 + 3 * 4), 255, 'pc_name_max');
  t.ok(reply.readUInt32BE(24) > 0, 'pc_link_max');
  t.equal(reply.readUInt32BE(24 + 8 * 4), 0x280);
  t.equal(mounts.size, 0);
});
