/** COMMIT, procedure 21 (RFC 1813, 3.3.21). */
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { serveNfs, VERIFIER } from '../../../support/nfs.ts';
import * as nfs3 from '../../../support/nfs3/common.ts';
import { ERR, NO_WCC, OK, refusesFailures, unseen } from '../../../support/nfs3/common.ts';
import {
  makeFile,
  type ObjectCase,
  objectCases,
  owned,
  OWNER,
  refusals,
  runs,
  STRANGER,
  unasked,
} from '../../../support/nfs3/cases.ts';
import { call, expectNfs3, opaque, postOp, text, wcc, wccAttr, word } from '../../../support/wire.ts';

const COMMIT = 21;
const WRITE = 7;
const WHOLE = '0000000000000000 00000000';

/** COMMIT3resok: file_wcc and verf. A commit changes no attributes. */
const done = (path: string, before: string) => `${OK} ${wcc(before, path)} ${VERIFIER}`;

const served = await serveNfs(t);
const run = runs(served, COMMIT);

t.test(
  'a file',
  run([
    {
      name: 'a request and its reply, byte by byte',
      rest: `
        0000000000000000      // offset
        00000000              // count: 0, to the end of the file`,
      reply: (path, before) => `
        00000000              // NFS3_OK
        00000001 ${before}    // file_wcc.before: size, mtime, ctime
        ${postOp(path)}       // file_wcc.after
        b0b1b2b3 b4b5b6b7     // verf`,
    },
    { name: 'a range', rest: '0000000000000002 00000005', reply: done },
    { name: 'a range beyond the end', rest: '0000000000001000 00001000', reply: done },
    { name: 'count 2^32 - 1', rest: '0000000000000000 ffffffff', reply: done },
    ...['001fffffffffffff', '0020000000000000', '7fffffffffffffff', '8000000000000000', 'ffffffffffffffff'].map(
      (offset): ObjectCase => ({ name: `offset ${BigInt(`0x${offset}`)}`, rest: `${offset} ffffffff`, reply: done }),
    ),
    { name: 'an empty file', make: path => writeFileSync(path, ''), rest: WHOLE, reply: done },
    { name: 'a file of mode 0444, by its owner', make: owned(0o444), auth: OWNER, rest: WHOLE, reply: done },
    {
      name: 'by a caller that may no longer write: the writes were allowed',
      make: owned(0o600),
      auth: STRANGER,
      rest: WHOLE,
      reply: done,
    },
  ]),
);

t.test(
  'an object that is not a regular file',
  run([
    { name: 'a directory: ISDIR', make: path => mkdirSync(path), rest: WHOLE, reply: unasked(ERR.ISDIR) },
    { name: 'a symlink: INVAL', make: path => symlinkSync('case-1', path), rest: WHOLE, reply: unasked(ERR.INVAL) },
    {
      name: 'a fifo: INVAL, and the call does not wait for it',
      make: path => execFileSync('mkfifo', [path]),
      rest: WHOLE,
      reply: unasked(ERR.INVAL),
    },
  ]),
);

t.test('COMMIT has the verifier of the UNSTABLE writes before it', async t => {
  const path = join(served.dir, 'written');
  writeFileSync(path, '');
  const handle = opaque(await served.handle('written'));
  const data = 'x'.repeat(100_000);
  for (const offset of ['0000000000000000', '00000000000186a0', '0000000000030d40']) {
    const args = `${handle} ${offset} ${word(data.length)} 00000000 ${text(data)}`;
    const reply = await served.exchange(call('nfs3', WRITE, args));
    t.equal(reply.toString('hex', reply.length - 16), `${word(data.length)}00000000${VERIFIER}`.slice(0, 32));
  }
  const before = wccAttr(path);
  await expectNfs3(t, served, COMMIT, `${handle} ${WHOLE}`, () => done(path, before));
  await expectNfs3(t, served, COMMIT, `${handle} ${WHOLE}`, () => done(path, before));
  t.equal(readFileSync(path, 'latin1'), data.repeat(3));
});

t.test('many commits at the same time', async t => {
  const path = join(served.dir, 'many');
  makeFile(path);
  const args = `${opaque(await served.handle('many'))} ${WHOLE}`;
  const before = wccAttr(path);
  const clients = Array.from({ length: 8 }, () => served.connect());
  const replies = await Promise.all(clients.map(client => client.exchange(call('nfs3', COMMIT, args))));
  for (const reply of replies) t.equal(reply.toString('hex', reply.length - 8), VERIFIER);
  await expectNfs3(t, served, COMMIT, args, () => done(path, before));
});

t.test('the verifier changes when data may have been lost', async t => {
  const served = await serveNfs(t);
  const path = join(served.dir, 'file');
  makeFile(path);
  const args = `${opaque(await served.handle('file'))} ${WHOLE}`;
  const before = await served.exchange(call('nfs3', COMMIT, args));
  served.nfs.notify({ kind: 'unstable-lost' }, served.volume.top);
  const after = await served.exchange(call('nfs3', COMMIT, args));
  t.equal(before.toString('hex', before.length - 8), VERIFIER);
  t.not(after.toString('hex', after.length - 8), VERIFIER);
  const written = await served.exchange(
    call('nfs3', WRITE, `${args.slice(0, -WHOLE.length)} 0000000000000000 00000001 00000000 00000001 78000000`),
  );
  t.equal(
    written.toString('hex', written.length - 8),
    after.toString('hex', after.length - 8),
    'the verifier of WRITE changes, too',
  );
});

t.test('a read-only export refuses, since nothing can have been written: ROFS', async t => {
  const exported = await serveNfs(t, nfs3.READ_ONLY_EXPORT);
  await objectCases(t, exported, COMMIT, [{ name: 'a read-only export', rest: WHOLE, reply: unasked(ERR.ROFS) }]);
  const layered = await serveNfs(t, nfs3.READ_ONLY_LAYER);
  await objectCases(t, layered, COMMIT, [
    { name: 'features/read-only lets it pass, since it changes nothing', rest: WHOLE, reply: done },
  ]);
});

t.test('errors of the brick have their statuses', async t => {
  await refusesFailures(t, COMMIT, 'fsync', async served => {
    makeFile(join(served.dir, 'file'));
    return { args: `${opaque(await served.handle('file'))} ${WHOLE}`, arm: () => unseen(join(served.dir, 'file')) };
  });
  const served = await serveNfs(t, { layers: nfs3.failing('EIO', 'fsync', 'stat') });
  await objectCases(t, served, COMMIT, [
    { name: 'attributes that the brick does not tell are left out', rest: WHOLE, reply: () => `${ERR.IO} ${NO_WCC}` },
  ]);
});

t.test('refusals', t => refusals(t, { proc: COMMIT, rest: WHOLE, unknown: NO_WCC }));
