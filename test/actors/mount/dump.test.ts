import t from 'tap';
import { mountlist } from '#protocols/mount.ts';
import { decode, encode } from '#protocols/xdr/codec.ts';
import { dump } from '#actors/mount/dump.ts';
import { hex } from '../../support/hex.ts';
import { ACCEPTED, mountCall, serveMount } from '../../support/mount.ts';
import { callFrom } from '../../support/rpc/call.ts';

for (const version of ['00000001', '00000002', '00000003']) {
  const call = mountCall(version, '00000002');

  t.test(`version ${version}: an empty mount table`, async t => {
    const { exchange } = await serveMount(t);
    t.equal((await exchange(call)).toString('hex'), hex(`${ACCEPTED} 00000000 00000000`).toString('hex'));
  });

  t.test(`version ${version}: the mounts of all clients`, async t => {
    const { exchange, mounts } = await serveMount(t);
    mounts.add('10.0.0.1', '/a');
    mounts.add('::1', '/bcd');
    const reply = `${ACCEPTED} 00000000
      00000001 00000008 31302e30 2e302e31 00000002 2f610000       // "10.0.0.1", "/a"
      00000001 00000003 3a3a3100 00000004 2f626364                // "::1", "/bcd"
      00000000`;
    t.equal((await exchange(call)).toString('hex'), hex(reply).toString('hex'));
  });

  t.test(`version ${version}: arguments, of which it has none: GARBAGE_ARGS`, async t => {
    const { exchange } = await serveMount(t);
    const got = await exchange(mountCall(version, '00000002', '00000000'));
    t.equal(got.toString('hex'), hex(`${ACCEPTED} 00000004`).toString('hex'));
  });
}

t.test('a list that is too long for a reply is not sent, since a part of it would look complete', async t => {
  const { mounts, contextOf, exchange } = await serveMount(t);
  const overUdp = () => dump.run(contextOf(callFrom('10.0.0.1', 'udp')));
  for (let i = 0; i < 200; i++) mounts.add(`10.0.${i >> 8}.${i & 255}`, `/some/where/${i}`);
  const whole = encode(mountlist, await overUdp());
  t.ok(24 + whole.length <= 8800 && whole.length > 7900, `${whole.length} bytes`);
  for (let i = 200; i < 60_000; i++) mounts.add(`10.0.${i >> 8}.${i & 255}`, `/some/where/${i}`);
  await t.rejects(async () => overUdp(), { name: 'UnanswerableError', message: /^DUMP: .* 8800 .* TCP/ });
  const overTcp = (await exchange(mountCall('00000003', '00000002'))).subarray(24);
  t.equal(decode(mountlist, overTcp).length, 60_000);
});
