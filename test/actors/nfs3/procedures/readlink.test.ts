/** READLINK, procedure 5 (RFC 1813, 3.3.5). */
import { execFileSync } from 'node:child_process';
import { mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { serveNfs } from '../../../support/nfs.ts';
import { ERR, failing, OK, READ_ONLY_EXPORT, READ_ONLY_LAYER, refusesFailures } from '../../../support/nfs3/common.ts';
import { brickFailures, objectCases, refusals, refused, STRANGER } from '../../../support/nfs3/cases.ts';
import { opaque, postOp, text } from '../../../support/wire.ts';

const READLINK = 5;
const served = await serveNfs(t);
const linkTo = (target: string) => (path: string) => symlinkSync(Buffer.from(target, 'latin1'), path);
const says = (target: string) => (path: string) => `${OK} ${postOp(path)} ${text(target)}`;
const long = `${'d'.repeat(254)}/`.repeat(16).slice(0, 4095);

t.test('the target of a symlink', t =>
  objectCases(t, served, READLINK, [
    {
      name: 'a request and its reply, byte by byte',
      make: linkTo('../a'),
      reply: path => `
        00000000             // NFS3_OK
        ${postOp(path)}      // symlink_attributes
        00000004 2e2e2f61    // data: "../a"`,
    },
    {
      name: 'a target of one byte, with three of padding',
      make: linkTo('a'),
      reply: path => `${OK} ${postOp(path)} 00000001 61000000`,
    },
    { name: 'an absolute path', make: linkTo('/etc/passwd'), reply: says('/etc/passwd') },
    { name: 'a symlink to itself', make: linkTo('case-4'), reply: says('case-4') },
    { name: '4095 bytes', make: linkTo(long), reply: says(long) },
    { name: 'bytes that are not text', make: linkTo('\xff\xfe\x01\n\\'), reply: says('\xff\xfe\x01\n\\') },
    {
      name: 'by a stranger, since the mode of a symlink does not matter',
      make: linkTo('a'),
      auth: STRANGER,
      reply: says('a'),
    },
  ]),
);

t.test('an object that is not a symlink: INVAL', t =>
  objectCases(t, served, READLINK, [
    { name: 'a file', reply: refused(ERR.INVAL) },
    { name: 'a directory', make: path => mkdirSync(path), reply: refused(ERR.INVAL) },
    { name: 'a fifo', make: path => execFileSync('mkfifo', [path]), reply: refused(ERR.INVAL) },
  ]),
);

t.test('a read-only volume is no different', async t => {
  for (const options of [READ_ONLY_EXPORT, READ_ONLY_LAYER]) {
    const served = await serveNfs(t, options);
    await objectCases(t, served, READLINK, [{ name: 'has a target', make: linkTo('a'), reply: says('a') }]);
  }
});

t.test('errors of the brick have their statuses', async t => {
  await refusesFailures(t, READLINK, 'readlink', async served => {
    symlinkSync('a', join(served.dir, 'link'));
    return { args: opaque(await served.handle('link')), arm: () => postOp(join(served.dir, 'link')) };
  });
  const about = { proc: READLINK, fop: 'readlink', rest: '', make: linkTo('a'), arm: postOp };
  await brickFailures(t, about, { EACCES: ERR.ACCES, EINVAL: ERR.INVAL });
  const served = await serveNfs(t, { layers: failing('EIO', 'readlink', 'stat') });
  await objectCases(t, served, READLINK, [
    {
      name: 'attributes that the brick does not tell are left out',
      make: linkTo('a'),
      reply: () => `${ERR.IO} 00000000`,
    },
  ]);
});

t.test('refusals', t => refusals(t, { proc: READLINK, make: linkTo('a'), unknown: '00000000' }));
