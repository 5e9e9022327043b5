import t from 'tap';
import { exportActor } from '#actors/mount/export.ts';
import { exports as exportsCodec } from '#protocols/mount.ts';
import { encode } from '#protocols/xdr/codec.ts';
import { callFrom } from '../../support/call.ts';
import { hex } from '../../support/hex.ts';
import { ACCEPTED, mountCall, serveMount } from '../../support/mount.ts';

const exported = [
  { directory: '/data', groups: ['10.0.0.0/8', 'host1'] },
  { directory: '/x', groups: [] },
];

for (const version of ['00000001', '00000003']) {
  const call = mountCall(version, '00000005');

  t.test(`version ${version}: directories and who may mount them`, async t => {
    const { exchange } = await serveMount(t, { exports: exported });
    const reply = `${ACCEPTED} 00000000
      00000001 00000005 2f646174 61000000                         // "/data", for
      00000001 0000000a 31302e30 2e302e30 2f380000                // "10.0.0.0/8"
      00000001 00000005 686f7374 31000000                         // and "host1"
      00000000
      00000001 00000002 2f780000 00000000                         // "/x" for all
      00000000`;
    t.equal((await exchange(call)).toString('hex'), hex(reply).toString('hex'));
  });

  t.test(`version ${version}: nothing to mount`, async t => {
    const { exchange } = await serveMount(t);
    t.equal((await exchange(call)).toString('hex'), hex(`${ACCEPTED} 00000000 00000000`).toString('hex'));
  });

  t.test(`version ${version}: arguments where there are none: GARBAGE_ARGS`, async t => {
    const { exchange } = await serveMount(t);
    const got = await exchange(mountCall(version, '00000005', '00000000'));
    t.equal(got.toString('hex'), hex(`${ACCEPTED} 00000004`).toString('hex'));
  });
}

t.test('what does not fit is left out: whole directories, never half of one', async t => {
  const exports = Array.from({ length: 1000 }, (_, i) => ({
    directory: `/dir${i}`,
    groups: ['10.0.0.1', 'x'.repeat(300)],
  }));
  const { contextOf } = await serveMount(t, { exports });
  const got = await exportActor.run(contextOf(callFrom('10.0.0.1', 'udp')));
  t.ok(encode(exportsCodec, got).length <= 1400);
  t.equal(got.length, 4);
  t.equal(got[0]?.ex_groups[1]?.gr_name.length, 255, 'a name is cut to what the wire takes');
});
