/** FSSTAT, procedure 18 (RFC 1813, 3.3.18). */
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { authSys, serveNfs, temporaryDir } from '../../../support/nfs.ts';
import { ERR, failing, READ_ONLY_EXPORT, READ_ONLY_LAYER, refusesFailures } from '../../../support/nfs3/common.ts';
import { type ObjectCase, objectCases, refusals, STRANGER } from '../../../support/nfs3/cases.ts';
import { call, expectNfs3, opaque, postOp, statfs, word64 } from '../../../support/wire.ts';

const FSSTAT = 18;
const served = await serveNfs(t);

/** What is free changes while others use the disk: only the totals are looked at here. */
const totals = (path: string) => {
  const { blocks, bsize, files } = statfs(served.dir);
  return `
    00000000                            // NFS3_OK
    ${postOp(path)}                     // obj_attributes
    ${word64(blocks * bsize)}            // tbytes
    ................ ................   // fbytes, abytes
    ${word64(files)}                     // tfiles
    ................ ................   // ffiles, afiles
    00000000                            // invarsec: at any time`;
};

const anything: ObjectCase[] = [
  { name: 'of a file', reply: totals },
  { name: 'of a directory', make: path => mkdirSync(path), reply: totals },
  { name: 'of a symlink', make: path => symlinkSync('nowhere', path), reply: totals },
  {
    name: 'by a stranger, of what he may not read',
    make: path => mkdirSync(path, { mode: 0 }),
    auth: STRANGER,
    reply: totals,
  },
];

t.test('totals', t => objectCases(t, served, FSSTAT, anything));

/** Bytes and files, free and available: what the reply says, and what the kernel says right after. */
async function free(auth?: string) {
  const before = statfs(served.dir);
  const reply = await served.exchange(call('nfs3', FSSTAT, opaque(await served.handle('')), auth));
  const after = statfs(served.dir);
  const at = 24 + 4 + 4 + 84 + 8;
  return {
    before,
    after,
    fbytes: reply.readBigUInt64BE(at),
    abytes: reply.readBigUInt64BE(at + 8),
    ffiles: reply.readBigUInt64BE(at + 24),
    afiles: reply.readBigUInt64BE(at + 32),
  };
}

const SLACK_BYTES = 1n << 32n;
const near = (a: bigint, b: bigint, slack: bigint) => a - b <= slack && b - a <= slack;

t.test('what is free, and what of it is for the caller', async t => {
  for (const auth of [undefined, authSys(2000, 2000)]) {
    const { after, fbytes, abytes, ffiles, afiles } = await free(auth);
    t.ok(near(fbytes, after.bfree * after.bsize, SLACK_BYTES), `fbytes ${fbytes}`);
    t.ok(near(abytes, after.bavail * after.bsize, SLACK_BYTES), `abytes ${abytes}`);
    t.ok(near(ffiles, after.ffree, 100_000n), `ffiles ${ffiles}`);
    t.ok(near(afiles, after.ffree, 100_000n), `afiles ${afiles}`);
    t.ok(abytes <= fbytes, 'the reserve of root is not for others');
  }
});

t.test('a read-only volume', async t => {
  for (const options of [READ_ONLY_EXPORT, READ_ONLY_LAYER]) {
    await objectCases(t, await serveNfs(t, options), FSSTAT, anything);
  }
});

t.test('failures of the brick', async t => {
  await refusesFailures(t, FSSTAT, 'statfs', async served => ({
    args: opaque(await served.handle('')),
    arm: () => postOp(served.dir),
  }));
  const broken = await serveNfs(t, { layers: failing('EIO', 'statfs', 'stat') });
  await objectCases(t, broken, FSSTAT, [
    { name: 'attributes that cannot be had are left out', reply: () => `${ERR.IO} 00000000` },
  ]);
  const blind = await serveNfs(t, { layers: failing('EIO', 'stat') });
  await objectCases(t, blind, FSSTAT, [
    { name: 'and are no reason to fail', reply: path => totals(path).replace(postOp(path), '00000000') },
  ]);
});

t.test('refusals', t => refusals(t, { proc: FSSTAT, unknown: '00000000' }));

/** A layer that has the brick's counts replaced; the volume over it is `vol`. */
const counting = async (t: Test, counts: string) => {
  const dir = await temporaryDir(t, 'xlator');
  writeFileSync(
    join(dir, 'counts.ts'),
    `import { Xlator } from 'bricknfs/graph/xlator.ts';
    export default class extends Xlator {
      async statfs(frame, inode) {
        const stats = await this.wind('statfs', frame, inode);
        return { ...stats, ${['bytesTotal', 'bytesFree', 'bytesAvailable', 'filesTotal', 'filesFree', 'filesAvailable']
          .map(name => `${name}: ${counts}`)
          .join()} };
      }
    }`,
  );
  return serveNfs(t, { layers: `volume vol\n type "file:${join(dir, 'counts.ts')}"\n subvolumes brick\nend-volume\n` });
};

t.test('counts that 64 bits cannot hold, as FUSE and ZFS report them, are as large as can be', async t => {
  const cases = [
    ['0', '0000000000000000'],
    ['2 ** 53 - 1', '001fffffffffffff'],
    ['2 ** 63', '8000000000000000'],
    ['2 ** 64 - 2048', 'fffffffffffff800'],
    ['2 ** 64', 'ffffffff00000000'], // what 2^64 - 1 is as a Number
    ['2 ** 64 * 4096', 'ffffffff00000000'],
    ['Infinity', 'ffffffff00000000'],
  ] as const;
  for (const [counts, shown] of cases) {
    await t.test(counts, async t => {
      const served = await counting(t, counts);
      const reply = () => `00000000 ${postOp(served.dir)} ${shown.repeat(6)} 00000000`;
      await expectNfs3(t, served, FSSTAT, opaque(await served.handle('')), reply);
    });
  }
});
