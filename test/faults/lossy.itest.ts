/**
 * The duplicate request cache behind a bad network. Calls and replies are lost, doubled, delayed and reordered, and
 * connections are cut, while clients repeat their calls until they are answered. LOSSY_OPS sets the number of
 * operations (default 20,000), LOSSY_SEED repeats a run.
 */
import { statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { createmode3, nfsstat3 as S, stable_how } from '#protocols/nfs3/constants.ts';
import { ask } from '#src/cli/control-client.ts';
import type { RemoteProcedure } from '#src/rpcclnt/client.ts';
import type { StatusReport } from '#src/server/control/report.ts';
import { folders, serving } from '../cli/harness.ts';
import { resultOf, statusOf } from '../soak/model/answer.ts';
import { authSys, Line, marked, recordOf } from '../soak/model/line.ts';
import { NOTHING } from '../soak/model/worker.ts';
import { MOUNT3, NFS3 } from '../soak/procedures.ts';
import { lossy, type LossyOptions } from './lossy/run.ts';
import { lossySummary } from './lossy.ts';
import type { Faults } from './proxy/proxy.ts';

const OPS = Number(process.env['LOSSY_OPS'] ?? 20_000);
const SEED = Number(process.env['LOSSY_SEED'] ?? Date.now() % 1_000_000);

const BAD: Faults = {
  lostCalls: 0.05,
  lostReplies: 0.05,
  doubledCalls: 0.05,
  doubledReplies: 0.01,
  delayed: 0.02,
  delayMsMax: 300,
  cut: 0.0005,
};
const WORSE: Faults = { ...BAD, lostReplies: 0.2, doubledCalls: 0.2, delayed: 0.2, delayMsMax: 1000, cut: 0.003 };

t.setTimeout(5 * 60_000);

async function run(t: Test, options: Partial<LossyOptions>) {
  const outcome = await lossy({ ops: OPS, faults: BAD, seed: SEED, stages: 1, ...options });
  for (const line of lossySummary(outcome)) t.comment(line);
  return outcome;
}

for (const stages of [1, 2]) {
  t.test(`${OPS / stages} operations on ${stages} stage(s), seed ${SEED}`, async t => {
    const { failures, network, replyCaches, steps } = await run(t, { ops: OPS / stages, stages });
    t.strictSame(
      failures,
      [],
      'every answer is that of a single execution, and the tree is as it would be without faults',
    );
    t.ok(steps >= OPS / stages);
    t.ok(network.lostReplies > OPS / stages / 50 && network.doubledCalls > OPS / stages / 50, 'the network was bad');
    t.ok(network.cut > 0, 'connections were cut');
    t.ok(
      replyCaches.every(({ hits, bytes, bytesMax }) => hits > 0 && bytes <= bytesMax),
      'the caches were needed',
    );
  });
}

t.test(`a worse network, seed ${SEED}`, async t => {
  const { failures } = await run(t, { ops: OPS / 5, stages: 2, faults: WORSE });
  t.strictSame(failures, []);
});

t.test('without the cache the faults show, so the tests above can fail', async t => {
  const serve = ['--xlator-option', 'nfs-server.nfs.drc=off'];
  const { failures } = await run(t, { ops: 5000, serve });
  t.ok(
    failures.some(text => /NFS3ERR_(EXIST|NOENT|NOT_SYNC)/.test(text)),
    'some answers come from a second execution',
  );
  const twice = failures.some(text => text.startsWith('answered twice, differently'));
  t.ok(twice, 'some second answers differ from the first');
});

t.test('a retry is told from a new call', async t => {
  const { dir, state } = folders(t, 'dir', 'state');
  writeFileSync(join(dir, 'large'), Buffer.alloc(1024 * 1024, 'x'));
  const control = join(state, 'control');
  const args = [dir, '--port', '0', '--state-dir', state, '--control', control, '--insecure', '--stages', '2'];
  const { port } = await serving(t, args);
  const cred = authSys(process.geteuid!(), process.getegid!());
  const open = async (from: string) => {
    const line = await Line.open({ port, from });
    t.teardown(() => line.socket.destroy());
    return line;
  };
  const [one, other] = [await open('127.0.0.1'), await open('127.0.0.2')];
  const mount = await one.exchange(1, marked(recordOf(MOUNT3.MNT, dir, 1, cred)));
  const root = Buffer.from((resultOf(MOUNT3.MNT, mount) as { fhandle: Buffer }).fhandle);
  const mkdir = (line: Line, xid: number, name: string) => {
    const call = recordOf(NFS3.MKDIR, { where: { dir: root, name }, attributes: NOTHING }, xid, cred);
    return line.exchange(xid, marked(call)).then(reply => statusOf(resultOf(NFS3.MKDIR, reply)));
  };

  t.equal(await mkdir(one, 7, 'a'), S.NFS3_OK);
  t.equal(await mkdir(one, 7, 'a'), S.NFS3_OK, 'a retry gets the first answer');
  t.equal(
    await mkdir(await open('127.0.0.1'), 7, 'a'),
    S.NFS3ERR_EXIST,
    'a call from another port while the first connection is open is another call',
  );
  t.equal(await mkdir(one, 7, 'b'), S.NFS3_OK, 'the same xid with another name is another call');
  t.equal(await mkdir(one, 7, `${'n'.repeat(254)}1`), S.NFS3_OK);
  t.equal(
    await mkdir(one, 7, `${'n'.repeat(254)}2`),
    S.NFS3_OK,
    'names that differ in their last character are told apart',
  );
  t.ok(statSync(join(dir, `${'n'.repeat(254)}2`)).isDirectory());
  t.equal(await mkdir(one, 8, 'a'), S.NFS3ERR_EXIST, 'another xid is another call');
  t.equal(await mkdir(other, 7, 'a'), S.NFS3ERR_EXIST, 'the same call of another client is another call');

  const lookup = await one.exchange(9, marked(recordOf(NFS3.LOOKUP, { what: { dir: root, name: 'large' } }, 9, cred)));
  const file = Buffer.from((resultOf(NFS3.LOOKUP, lookup) as { object: Buffer }).object);
  const kept = async () => (await ask<StatusReport>({ control }, 'status')).stages.map(({ replies }) => replies.bytes);
  const before = await kept();
  for (let xid = 100; xid < 120; xid++) {
    await one.exchange(xid, marked(recordOf(NFS3.READ, { file, offset: 0, count: 262_144 }, xid, cred)));
  }
  t.strictSame(await kept(), before, 'replies to READ are not kept');

  await t.test('calls sent again while the disk still works on them are done once', async t => {
    const how = { mode: createmode3.GUARDED, obj_attributes: { ...NOTHING, mode: 0o600 } };
    for (let xid = 200; xid < 250; xid++) {
      const create = marked(recordOf(NFS3.CREATE, { where: { dir: root, name: `file-${xid}` }, how }, xid, cred));
      const data = Buffer.alloc(8192, xid);
      const stable = stable_how.FILE_SYNC;
      const write = marked(recordOf(NFS3.WRITE, { file, offset: xid, count: 8192, stable, data }, xid + 1000, cred));
      const replies = await Promise.all([
        one.exchange(xid, Buffer.concat([create, create])),
        one.exchange(xid + 1000, Buffer.concat([write, write])),
      ]);
      const statuses = [NFS3.CREATE, NFS3.WRITE].map((procedure, i) =>
        statusOf(resultOf<unknown>(procedure as RemoteProcedure<unknown, unknown>, replies[i]!)),
      );
      if (statuses.some(status => status !== S.NFS3_OK)) t.fail(`xid ${xid}: statuses ${statuses.join(' ')}`);
    }
    t.pass('each call was done once');
  });
});
