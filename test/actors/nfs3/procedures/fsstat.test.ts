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

/** Expects the totals only, since what is free changes while others use the disk. */
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
    name: 'by a stranger, of an object that the stranger may not read',
    make: path => mkdirSync(path, { mode: 0 }),
    auth: STRANGER,
    reply: totals,
  },
];

t.test('totals', t => objectCases(t, served, FSSTAT, anything));

/** The numbers of free and available bytes and files in a reply, and those of the kernel before and after it. */
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

t.test('free space and files, and what of them the caller may use', async t => {
  for (const auth of [undefined, authSys(2000, 2000)]) {
    const { after, fbytes, abytes, ffiles, afiles } = await free(auth);
    t.ok(near(fbytes, after.bfree * after.bsize, SLACK_BYTES), `fbytes ${fbytes}`);
    t.ok(near(abytes, after.bavail * after.bsize, SLACK_BYTES), `abytes ${abytes}`);
    t.ok(near(ffiles, after.ffree, 100_000n), `ffiles ${ffiles}`);
    t.ok(near(afiles, after.ffree, 100_000n), `afiles ${afiles}`);
    t.ok(abytes <= fbytes, 'the reserve of root is not available to others');
  }
});

t.test('a read-only volume is no different', async t => {
  for (const options of [READ_ONLY_EXPORT, READ_ONLY_LAYER]) {
    await objectCases(t, await serveNfs(t, options), FSSTAT, anything);
  }
});

t.test('errors of the brick have their statuses', async t => {
  await refusesFailures(t, FSSTAT, 'statfs', async served => ({
    args: opaque(await served.handle('')),
    arm: () => postOp(served.dir),
  }));
  const broken = await serveNfs(t, { layers: failing('EIO', 'statfs', 'stat') });
  await objectCases(t, broken, FSSTAT, [
    { name: 'attributes that the brick does not tell are left out', reply: () => `${ERR.IO} 00000000` },
  ]);
  const blind = await serveNfs(t, { layers: failing('EIO', 'stat') });
  await objectCases(t, blind, FSSTAT, [
    { name: 'the call succeeds without attributes', reply: path => totals(path).replace(postOp(path), '00000000') },
  ]);
});

t.test('refusals', t => refusals(t, { proc: FSSTAT, unknown: '00000000' }));

/** The volume `vol` over a layer that replaces the counts of the brick. */
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

t.test('counts that do not fit in 64 bits, as FUSE and ZFS report them, become the largest possible ones', async t => {
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
