/** WRITE and COMMIT on volumes with trusted-write or trusted-sync, whose administrator guarantees durability. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { serveNfs, VERIFIER } from '../../support/nfs.ts';
import { call, opaque, word } from '../../support/wire.ts';

const [WRITE, COMMIT] = [7, 21];
const [UNSTABLE, DATA_SYNC, FILE_SYNC] = [0, 1, 2];
const NO_FSYNC =
  'volume vol\n type debug/error-gen\n option nth 1\n option enable fsync\n subvolumes brick\nend-volume\n';

/** The `committed` in a reply of WRITE, before the verifier. */
const committed = (reply: Buffer) => reply.readUInt32BE(reply.length - 12);

const cases = [
  { name: 'trusted-write', option: 'nfs3.vol.trusted-write on', stable: UNSTABLE, answered: FILE_SYNC },
  { name: 'trusted-write, DATA_SYNC', option: 'nfs3.vol.trusted-write on', stable: DATA_SYNC, answered: FILE_SYNC },
  { name: 'trusted-sync', option: 'nfs3.vol.trusted-sync on', stable: UNSTABLE, answered: FILE_SYNC },
  { name: 'neither', option: 'nfs3.vol.trusted-sync off', stable: UNSTABLE, answered: UNSTABLE },
];
for (const { name, option, stable, answered } of cases) {
  t.test(`${name}: the committed of WRITE`, async t => {
    const served = await serveNfs(t, { options: [`option ${option}`] });
    writeFileSync(join(served.dir, 'file'), '');
    const handle = opaque(await served.handle('file'));
    const args = `${handle} 0000000000000000 00000001 ${word(stable)} 00000001 61000000`;
    const reply = await served.exchange(call('nfs3', WRITE, args));
    t.equal(reply.readUInt32BE(24), 0);
    t.equal(committed(reply), answered);
  });
}

t.test('with trusted-sync COMMIT does not flush; without it the error of the flush is returned', async t => {
  for (const [option, status] of [
    ['on', 0],
    ['off', 5],
  ] as const) {
    const served = await serveNfs(t, { options: [`option nfs3.vol.trusted-sync ${option}`], layers: NO_FSYNC });
    writeFileSync(join(served.dir, 'file'), '');
    const args = `${opaque(await served.handle('file'))} 0000000000000000 00000000`;
    const reply = await served.exchange(call('nfs3', COMMIT, args));
    t.equal(reply.readUInt32BE(24), status, `trusted-sync ${option}`);
    if (status === 0) t.equal(reply.toString('hex', reply.length - 8), VERIFIER);
  }
});
