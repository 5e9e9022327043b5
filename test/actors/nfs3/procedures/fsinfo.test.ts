/** FSINFO, procedure 19 (RFC 1813, 3.3.19). */
import { mkdirSync } from 'node:fs';
import t from 'tap';
import { serveNfs } from '../../../support/nfs.ts';
import { ERR, failing, READ_ONLY_EXPORT, READ_ONLY_LAYER, refusesFailures } from '../../../support/nfs3/common.ts';
import { AUTH_NONE, EXT4_SIZE_MAX, notExt4, objectCases, refusals, STRANGER } from '../../../support/nfs3/cases.ts';
import { opaque, postOp } from '../../../support/wire.ts';

const FSINFO = 19;
const served = await serveNfs(t);
const MiB = '00100000';

interface Sizes {
  read?: string;
  write?: string;
  readdir?: string;
}

const info =
  ({ read = MiB, write = MiB, readdir = MiB }: Sizes = {}) =>
  (path: string) => `
    00000000                      // NFS3_OK
    ${postOp(path)}               // obj_attributes
    ${read} ${read} 00001000      // rtmax, rtpref, rtmult: 4096
    ${write} ${write} 00001000    // wtmax, wtpref, wtmult: 4096
    ${readdir}                    // dtpref
    ${notExt4(path) ? '................' : EXT4_SIZE_MAX} // maxfilesize
    00000000 00000001             // time_delta: 1 ns
    00000013                      // FSF3_LINK, FSF3_SYMLINK, FSF3_CANSETTIME`;

t.test('properties and sizes', t =>
  objectCases(t, served, FSINFO, [
    { name: 'of a file', reply: info() },
    { name: 'of a directory', make: path => mkdirSync(path), reply: info() },
    {
      name: 'by a stranger, of an object that the stranger may not read',
      make: path => mkdirSync(path, { mode: 0 }),
      auth: STRANGER,
      reply: info(),
    },
    { name: 'with AUTH_NONE, as clients ask while they mount (RFC 2623, 2.3.2)', auth: AUTH_NONE, reply: info() },
  ]),
);

t.test('sizes that are set by options', async t => {
  const options = ['option nfs3.read-size 64KB', 'option nfs3.write-size 32KB', 'option nfs3.readdir-size 8KB'];
  const sizes = { read: '00010000', write: '00008000', readdir: '00002000' };
  await objectCases(t, await serveNfs(t, { options }), FSINFO, [{ name: 'sizes', reply: info(sizes) }]);
});

t.test('a read-only volume is no different', async t => {
  for (const options of [READ_ONLY_EXPORT, READ_ONLY_LAYER]) {
    await objectCases(t, await serveNfs(t, options), FSINFO, [{ name: 'as of any volume', reply: info() }]);
  }
});

t.test('errors of the brick have their statuses', async t => {
  await refusesFailures(t, FSINFO, 'statfs', async served => ({
    args: opaque(await served.handle('')),
    arm: () => postOp(served.dir),
  }));
  const broken = await serveNfs(t, { layers: failing('EIO', 'statfs', 'stat') });
  await objectCases(t, broken, FSINFO, [
    { name: 'attributes that the brick does not tell are left out', reply: () => `${ERR.IO} 00000000` },
  ]);
  const blind = await serveNfs(t, { layers: failing('EIO', 'stat') });
  await objectCases(t, blind, FSINFO, [
    { name: 'the call succeeds without attributes', reply: path => info()(path).replace(postOp(path), '00000000') },
  ]);
});

t.test('refusals', t => refusals(t, { proc: FSINFO, unknown: '00000000', authNone: true }));
