import pino from 'pino';
import t from 'tap';
import { exportActor } from '#actors/mount/export.ts';
import { exports as exportsCodec } from '#protocols/mount.ts';
import { decode, encode } from '#protocols/xdr/codec.ts';
import { callFrom } from '../../support/rpc/call.ts';
import { hex } from '../../support/hex.ts';
import { ACCEPTED, mountCall, serveMount } from '../../support/mount.ts';
import { serveNfs } from '../../support/nfs.ts';

const exported = [
  { directory: '/data', groups: ['10.0.0.0/8', 'host1'] },
  { directory: '/x', groups: [] },
];

for (const version of ['00000001', '00000002', '00000003']) {
  const call = mountCall(version, '00000005');

  t.test(`version ${version}: directories, and which clients may mount them`, async t => {
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

  t.test(`version ${version}: no exports`, async t => {
    const { exchange } = await serveMount(t);
    t.equal((await exchange(call)).toString('hex'), hex(`${ACCEPTED} 00000000 00000000`).toString('hex'));
  });

  t.test(`version ${version}: arguments, of which it has none: GARBAGE_ARGS`, async t => {
    const { exchange } = await serveMount(t);
    const got = await exchange(mountCall(version, '00000005', '00000000'));
    t.equal(got.toString('hex'), hex(`${ACCEPTED} 00000004`).toString('hex'));
  });
}

const many = (count: number) =>
  Array.from({ length: count }, (_, i) => ({ directory: `/dir${i}`, groups: ['10.0.0.1', 'x'.repeat(300)] }));

t.test('over UDP a list of 8,800 bytes is sent, and a longer one is not', async t => {
  const { contextOf } = await serveMount(t, { exports: many(29) });
  const got = await exportActor.run(contextOf(callFrom('10.0.0.1', 'udp')));
  t.equal(got.length, 29);
  const { length } = encode(exportsCodec, got);
  t.ok(24 + length <= 8800 && 24 + length > 8700, `${length} bytes`);
  t.equal(got[0]?.ex_groups[1]?.gr_name.length, 255, 'a name is cut to the length that the wire has');

  const { contextOf: tooMany } = await serveMount(t, { exports: many(30) });
  const failed = { name: 'UnanswerableError', message: /^EXPORT: .* 8800/ };
  await t.rejects(async () => exportActor.run(tooMany(callFrom('10.0.0.1', 'udp'))), failed);
  t.equal((await exportActor.run(tooMany(callFrom('10.0.0.1', 'tcp')))).length, 30, 'over TCP there is room');
});

t.test('any number of groups is listed', async t => {
  const groups = Array.from({ length: 5000 }, (_, i) => `10.1.${i >> 8}.${i & 255}`);
  const { contextOf } = await serveMount(t, { exports: [{ directory: '/data', groups }] });
  const [node] = await exportActor.run(contextOf(callFrom('10.0.0.1')));
  t.equal(node?.ex_groups.length, 5000);
});

t.test('over TCP a list that is too long for a reply is SYSTEM_ERR, and the log says why', async t => {
  const lines: Record<string, unknown>[] = [];
  const log = pino({ base: null }, { write: line => void lines.push(JSON.parse(line) as Record<string, unknown>) });
  const { exchange, service } = await serveMount(t, { exports: many(16_000) });
  Object.assign(service, { log });
  const got = await exchange(mountCall('00000003', '00000005'));
  t.equal(got.toString('hex'), hex(`${ACCEPTED} 00000005`).toString('hex'));
  t.match(lines, [{ level: 30, actor: 'MOUNT3.EXPORT', msg: /^EXPORT: a list of 16000 elements/ }]);
});

/** For options of a volume, the directories that are listed with their groups. An empty list of groups is everybody. */
const lists: { name: string; options: string[]; listed: [string, ...string[]][] }[] = [
  { name: 'no options', options: [], listed: [['/vol']] },
  { name: '*', options: ['option rpc-auth.addr.allow *'], listed: [['/vol']] },
  { name: 'all', options: ['option rpc-auth.addr.allow all'], listed: [['/vol']] },
  { name: 'ALL', options: ['option rpc-auth.addr.vol.allow ALL'], listed: [['/vol']] },
  { name: 'a network or *', options: ['option rpc-auth.addr.allow 10.0.0.0/8,*'], listed: [['/vol']] },
  { name: '* or a network', options: ['option rpc-auth.addr.allow *,10.0.0.0/8'], listed: [['/vol']] },
  { name: 'all or a host', options: ['option rpc-auth.addr.allow all,10.0.0.1'], listed: [['/vol']] },
  {
    name: 'networks, hosts and patterns',
    options: ['option rpc-auth.addr.allow 10.0.0.0/8,fd00::1,192.168.*'],
    listed: [['/vol', '10.0.0.0/8', 'fd00::1', '192.168.*']],
  },
  { name: 'none is allowed: not listed', options: ['option rpc-auth.addr.allow none'], listed: [] },
  { name: 'everybody is rejected: not listed', options: ['option rpc-auth.addr.reject *'], listed: [] },
  { name: 'everybody of one volume is rejected', options: ['option rpc-auth.addr.vol.reject all'], listed: [] },
  { name: 'some are rejected', options: ['option rpc-auth.addr.reject 10.0.0.1'], listed: [['/vol']] },
  {
    name: 'a directory with its own hosts',
    options: ['option nfs3.vol.export-dir /a(10.0.0.1|10.0.0.2),/b', 'option rpc-auth.addr.allow 10.0.0.0/8'],
    listed: [['/vol', '10.0.0.0/8'], ['/vol/a', '10.0.0.1', '10.0.0.2'], ['/vol/b', '10.0.0.0/8']],
  },
  {
    name: 'a directory for everybody in a volume for some clients',
    options: ['option nfs3.vol.export-dir /a(*)', 'option rpc-auth.addr.allow 10.0.0.0/8'],
    listed: [['/vol', '10.0.0.0/8'], ['/vol/a', '10.0.0.0/8']],
  },
  {
    name: 'a directory for none',
    options: ['option nfs3.vol.export-dir /a(none)', 'option rpc-auth.addr.allow 10.0.0.0/8'],
    listed: [['/vol', '10.0.0.0/8']],
  },
  {
    name: 'a directory for some clients in a volume for none',
    options: ['option nfs3.vol.export-dir /a(10.0.0.1)', 'option rpc-auth.addr.allow none'],
    listed: [],
  },
  {
    name: 'a directory alone',
    options: ['option nfs3.vol.export-dir /a(all)', 'option nfs3.export-volumes off'],
    listed: [['/vol/a']],
  },
  { name: 'two paths', options: ['option nfs3.vol.export-as /x/y'], listed: [['/vol'], ['/x/y']] },
]; // prettier-ignore

t.test('groups are the clients that may mount', async t => {
  for (const { name, options, listed } of lists) {
    await t.test(name, async t => {
      const { exchange } = await serveNfs(t, { options });
      const reply = await exchange(mountCall('00000003', '00000005'));
      const found = decode(exportsCodec, reply.subarray(24));
      t.strictSame(found.map(({ ex_dir, ex_groups }) => [ex_dir, ...ex_groups.map(({ gr_name }) => gr_name)]), listed);
    });
  }
}); // prettier-ignore
