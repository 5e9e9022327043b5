/** Options of nfs/server that a reload changes while it runs: the rules change, and handles and inodes stay. */
import t from 'tap';
import { nfsstat3 } from '#protocols/nfs3/constants.ts';
import { planGraph, printPlan } from '#src/graph/plan.ts';
import { differsOnlyLive } from '#src/graph/live/live-changes.ts';
import { XLATORS } from '#src/xlators/registry.ts';
import { AUTH_ROOT, serveNfs, type ServedNfs } from '../../../support/nfs.ts';

/** The plan of what is served, with other options of nfs/server: lines such as `option nfs3.vol.squash all`. */
function planWith({ graph }: ServedNfs, ...lines: string[]) {
  const text = printPlan(graph.plan).replace('type nfs/server', `type nfs/server\n${lines.join('\n')}`);
  return planGraph({ text, file: 'next.vol', registry: XLATORS });
}

const HEADER = '000000010000000000000002000186a300000003';
const call = (procedure: number, args: string) => Buffer.from(`${HEADER}${word(procedure)}${AUTH_ROOT}${args}`, 'hex');
const word = (value: number) => value.toString(16).padStart(8, '0');
/** Opaque data of the length of a handle, which is a multiple of 4. */
const opaque = (hex: string) => `${word(hex.length / 2)}${hex}`;

/** The status of GETATTR, or that of SETATTR, which changes nothing. */
async function statusOf(served: ServedNfs, handle: string, changes = false): Promise<number> {
  const nothing = '00000000'.repeat(7);
  const reply = await served.exchange(call(changes ? 2 : 1, opaque(handle) + (changes ? nothing : '')));
  return reply.readUInt32BE(24);
}

t.test('rules change at once, for callers that are known already; the handle and the inodes stay', async t => {
  const served = await serveNfs(t);
  const handle = await served.handle('');
  const { table } = served.volume;
  t.equal(await statusOf(served, handle, true), nfsstat3.NFS3_OK);

  const plan = await planWith(served, 'option nfs3.vol.volume-access read-only');
  t.ok(differsOnlyLive(served.graph.plan, plan));
  const change = served.graph.reconfigure(plan);
  t.equal(await statusOf(served, handle, true), nfsstat3.NFS3_OK, 'what is prepared has no effect yet');
  change();
  t.equal(await statusOf(served, handle, true), nfsstat3.NFS3ERR_ROFS);
  t.equal(await statusOf(served, handle), nfsstat3.NFS3_OK);
  t.equal(served.volume.table, table);
  t.match(served.nfs.planned.exports[0]!.rules.readOnly.where, /^next\.vol:/, 'it names the new volfile');

  served.graph.reconfigure(await planWith(served, 'option rpc-auth.addr.reject *'))();
  t.equal(await statusOf(served, handle), nfsstat3.NFS3ERR_ACCES);
});

t.test('what the actors look at changes as well', async t => {
  const served = await serveNfs(t);
  served.graph.reconfigure(await planWith(served, 'option nfs3.read-size 64KB'))();
  t.equal(served.nfs.actorOptions.readSize, 65_536);
});

t.test('a volume that is no longer exported is stale, and fresh when it is exported again', async t => {
  const served = await serveNfs(t);
  const handle = await served.handle('');
  const before = served.graph.plan;
  served.graph.reconfigure(await planWith(served, 'option nfs.vol.disable on'))();
  t.equal(await statusOf(served, handle), nfsstat3.NFS3ERR_STALE);
  served.graph.reconfigure(before)();
  t.equal(await statusOf(served, handle), nfsstat3.NFS3_OK);
});

t.test('rules that cannot be used are refused, and nothing changes', async t => {
  const served = await serveNfs(t);
  const handle = await served.handle('');
  const plan = await planWith(served, 'option nfs3.vol.export-as /vol');
  t.throws(() => served.graph.reconfigure(plan), { message: /expected each path exported once/ });
  t.equal(await statusOf(served, handle), nfsstat3.NFS3_OK);
});

t.test('other options, layers and layers’ options want a new graph', async t => {
  const served = await serveNfs(t);
  const { plan } = served.graph;
  const differs = async (...lines: string[]) => !differsOnlyLive(plan, await planWith(served, ...lines));
  t.notOk(await differs(), 'nothing else: nothing to do');
  t.notOk(await differs('option nfs.port 3049'), 'it is read at the start only');
  t.ok(await differs('option nfs.mem-factor 2'));
  t.ok(await differs('option nfs3.vol.volume-id 6ba7b810-9dad-41d1-80b4-00c04fd430c8'));
  const text = printPlan(plan);
  const other = (from: string, to: string) =>
    planGraph({ text: text.replace(from, to), file: 'next.vol', registry: XLATORS });
  t.notOk(differsOnlyLive(plan, await other('type debug/io-stats', 'type debug/trace')), 'another layer');
  t.notOk(differsOnlyLive(plan, await other('type storage/posix', 'type storage/posix\noption index on')), 'a brick');
});
