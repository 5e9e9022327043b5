import t from 'tap';
import { mountlist } from '#protocols/mount.ts';
import { decode, encode } from '#protocols/xdr/codec.ts';
import { dump } from '#actors/mount/dump.ts';
import { hex } from '../../support/hex.ts';
import { ACCEPTED, mountCall, serveMount } from '../../support/mount.ts';
import { callFrom } from '../../support/call.ts';

for (const version of ['00000001', '00000003']) {
  const call = mountCall(version, '00000002');

  t.test(`version ${version}: nothing mounted`, async t => {
    const { exchange } = await serveMount(t);
    t.equal((await exchange(call)).toString('hex'), hex(`${ACCEPTED} 00000000 00000000`).toString('hex'));
  });

  t.test(`version ${version}: everybody's mounts`, async t => {
    const { exchange, mounts } = await serveMount(t);
    mounts.add('10.0.0.1', '/a');
    mounts.add('::1', '/bcd');
    const reply = `${ACCEPTED} 00000000
      00000001 00000008 31302e30 2e302e31 00000002 2f610000       // "10.0.0.1", "/a"
      00000001 00000003 3a3a3100 00000004 2f626364                // "::1", "/bcd"
      00000000`;
    t.equal((await exchange(call)).toString('hex'), hex(reply).toString('hex'));
  });

  t.test(`version ${version}: arguments where there are none: GARBAGE_ARGS`, async t => {
    const { exchange } = await serveMount(t);
    const got = await exchange(mountCall(version, '00000002', '00000000'));
    t.equal(got.toString('hex'), hex(`${ACCEPTED} 00000004`).toString('hex'));
  });
}

t.test('a long list is cut to 1 MiB over TCP, and to one frame over UDP', async t => {
  const { mounts, contextOf, exchange } = await serveMount(t);
  for (let i = 0; i < 40_000; i++) mounts.add(`10.0.${i >> 8}.${i & 255}`, `/some/where/${i}`);
  const overTcp = (await exchange(mountCall('00000003', '00000002'))).subarray(24);
  t.ok(overTcp.length <= 1024 * 1024 && overTcp.length > 1024 * 1024 - 100, `${overTcp.length} bytes`);
  t.equal(decode(mountlist, overTcp)[0]?.ml_directory, '/some/where/0');
  const overUdp = encode(mountlist, await dump.run(contextOf(callFrom('10.0.0.1', 'udp'))));
  t.ok(overUdp.length <= 1400 && overUdp.length > 1300, `${overUdp.length} bytes`);
});
