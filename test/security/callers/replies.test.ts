/**
 * A reply is given again only to the caller that asked for it first, for exactly the same call, over a connection on
 * which it may repeat the call. Any other call is executed as a new one.
 */
import { once } from 'node:events';
import { chmodSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { createmode3, nfsstat3 as S, stable_how } from '#protocols/nfs3/constants.ts';
import type { RemoteProcedure } from '#src/rpcclnt/client.ts';
import { ReplyCache } from '#src/rpcsvc/duplicates/reply-cache.ts';
import { asServer, canSwitch } from '#src/sys/process/identity.ts';
import { resultOf, statusOf } from '../../soak/model/answer.ts';
import { authSys, recordOf } from '../../soak/model/line.ts';
import { NOTHING } from '../../soak/model/worker.ts';
import { NFS3 } from '../../soak/procedures.ts';
import { serveNfs, type ServedNfs } from '../../support/nfs.ts';
import type { RecordClient } from '../../support/rpc/service.ts';

const ROOT = authSys(0, 0);
const USER = authSys(1000, 1000, [7]);
const KiB = 1024;

async function serve(t: Test) {
  const replies = new ReplyCache(16 * KiB * KiB);
  const served = await serveNfs(t, { replies });
  chmodSync(served.dir, 0o777);
  const root = Buffer.from(await served.handle(''), 'hex');
  const call = async <A, R>(
    client: RecordClient,
    procedure: RemoteProcedure<A, R>,
    args: A,
    xid: number,
    cred = ROOT,
  ) => {
    const reply = await client.exchange(recordOf(procedure, args, xid, cred));
    asServer(); // The server runs in this thread.
    return resultOf(procedure, reply);
  };
  const mkdir = async (client: RecordClient, xid: number, name: string, cred = ROOT) =>
    statusOf(await call(client, NFS3.MKDIR, { where: { dir: root, name }, attributes: NOTHING }, xid, cred));
  const create = async (client: RecordClient, xid: number, dir: Buffer, name: string, cred = ROOT) =>
    call(
      client,
      NFS3.CREATE,
      { where: { dir, name }, how: { mode: createmode3.UNCHECKED, obj_attributes: { ...NOTHING, mode: 0o600 } } },
      xid,
      cred,
    );
  return { ...served, replies, root, call, mkdir, create };
}

/** Ends a connection, and waits until the server has noticed. */
async function end({ stage }: ServedNfs, client: RecordClient, how: 'reset' | 'finish') {
  const before = stage.connections;
  if (how === 'reset') client.socket.resetAndDestroy();
  else client.socket.end();
  while (stage.connections === before) await turn();
}

async function connected(served: ServedNfs): Promise<RecordClient> {
  const client = served.connect();
  await once(client.socket, 'connect');
  await client.exchange(recordOf(NFS3.NULL, undefined, 1, ROOT));
  return client;
}

type Served = Awaited<ReturnType<typeof serve>>;
interface Second {
  /** Opens the connection of the second call, after something happens to the first one. */
  from?(served: Served, first: RecordClient): Promise<RecordClient>;
  readonly cred?: ReturnType<typeof authSys>;
  readonly xid?: number;
  readonly name?: string;
}
const another = (served: Served) => connected(served);
const afterReset = async (served: Served, first: RecordClient) => {
  await end(served, first, 'reset');
  return connected(served);
};
const afterFinish = async (served: Served, first: RecordClient) => {
  await end(served, first, 'finish');
  return connected(served);
};
/** Sends the call again over a second connection, and then over a third while the second is open. */
const afterReplay = async (served: Served, first: RecordClient) => {
  const second = await afterReset(served, first);
  await served.mkdir(second, 100, 'd', USER);
  return connected(served);
};
/** The credentials of USER, with another stamp and machine name. */
const renamed = { flavor: 1, body: Buffer.from(USER.body) };
renamed.body.writeUInt32BE(77, 0);

const SECONDS: readonly (readonly [name: string, second: Second, again: boolean])[] = [
  ['the same connection', {}, true],
  ['the same connection, another stamp in the credentials', { cred: renamed }, true],
  ['another connection, after the first was reset', { from: afterReset }, true],
  ['another connection while the first is open', { from: another }, false],
  ['another connection, after the client has finished with the first', { from: afterFinish }, false],
  ['a third connection while the second one is open', { from: afterReplay }, false],
  ['another xid', { xid: 101 }, false],
  ['another uid', { cred: authSys(1001, 1000, [7]) }, false],
  ['another gid', { cred: authSys(1000, 1001, [7]) }, false],
  ['another group', { cred: authSys(1000, 1000, [8]) }, false],
  ['one more group', { cred: authSys(1000, 1000, [7, 8]) }, false],
  ['no group', { cred: authSys(1000, 1000) }, false],
  ['root', { cred: ROOT }, false],
  ['another uid, after the first connection was reset', { from: afterReset, cred: authSys(1001, 1000, [7]) }, false],
  ['root, after the first connection was reset', { from: afterReset, cred: ROOT }, false],
];
for (const [name, second, again] of SECONDS) {
  t.test(`MKDIR is sent again: ${name}`, async t => {
    const served = await serve(t);
    const first = await connected(served);
    t.equal(await served.mkdir(first, 100, 'd', USER), S.NFS3_OK);
    const client = (await second.from?.(served, first)) ?? first;
    const status = await served.mkdir(client, second.xid ?? 100, 'd', second.cred ?? USER);
    t.equal(status, again ? S.NFS3_OK : S.NFS3ERR_EXIST, again ? 'the reply is given again' : 'it is a new call');
  });
}

t.test('when two clients behind one address take a lock with mkdir, one of them gets it', async t => {
  const served = await serve(t);
  const clients = [await connected(served), await connected(served), await connected(served)];
  const statuses = await Promise.all(clients.map(client => served.mkdir(client, 5, 'lock')));
  t.strictSame(
    statuses.sort((a, b) => a - b),
    [S.NFS3_OK, S.NFS3ERR_EXIST, S.NFS3ERR_EXIST],
  );
});

t.test('a user does not get a reply to root', { skip: !canSwitch && 'needs root' }, async t => {
  const served = await serve(t);
  mkdirSync(join(served.dir, 'private'), { mode: 0o700 });
  const dir = Buffer.from(await served.handle('private'), 'hex');
  const client = await connected(served);
  t.equal(statusOf(await served.create(client, 9, dir, 'secret')), S.NFS3_OK);
  t.equal(statusOf(await served.create(client, 9, dir, 'secret', USER)), S.NFS3ERR_ACCES);
  const next = await afterReset(served, client);
  t.equal(statusOf(await served.create(next, 9, dir, 'secret', USER)), S.NFS3ERR_ACCES);
});

t.test('a program that counts xids from the same number at each start gets valid handles', async t => {
  const served = await serve(t);
  for (let start = 0; start < 3; start++) {
    const client = await connected(served);
    const made = await served.create(client, 2, served.root, 'file');
    const object = (made as { obj: Buffer }).obj;
    t.equal(statusOf(await served.call(client, NFS3.GETATTR, { object }, 3)), S.NFS3_OK, `start ${start}`);
    const remove = { object: { dir: served.root, name: 'file' } };
    t.equal(statusOf(await served.call(client, NFS3.REMOVE, remove, 4)), S.NFS3_OK);
    await end(served, client, 'finish');
  }
});

async function serveFile(t: Test) {
  const served = await serve(t);
  const path = join(served.dir, 'file');
  writeFileSync(path, '');
  const file = Buffer.from(await served.handle('file'), 'hex');
  const client = await connected(served);
  const write = async (xid: number, data: Buffer, offset = 0, over = client) => {
    const args = { file, offset, count: data.length, stable: stable_how.UNSTABLE, data };
    const reply = await over.exchange(recordOf(NFS3.WRITE, args, xid, ROOT));
    asServer();
    t.equal(statusOf(resultOf(NFS3.WRITE, reply)), S.NFS3_OK);
    return reply;
  };
  return { ...served, path, client, write };
}

const changedAt = (data: Buffer, at: number) => {
  const changed = Buffer.from(data);
  changed[at]! ^= 1;
  return changed;
};

for (const size of [8, 400, 1000, 1024, 4 * KiB, 64 * KiB, 1024 * KiB]) {
  t.test(`WRITE of ${size} bytes under the xid of another one`, async t => {
    const { path, write } = await serveFile(t);
    const data = Buffer.alloc(size, 'data');
    const first = await write(50, data);
    const { mtimeNs } = statSync(path, { bigint: true });
    t.ok((await write(50, data)).equals(first), 'the same bytes: answered as before');
    t.equal(statSync(path, { bigint: true }).mtimeNs, mtimeNs, 'and not written again');
    for (const at of [0, size >> 1, (size >> 1) + 1, size - 1]) {
      const other = changedAt(data, at);
      await write(50, other);
      t.ok(readFileSync(path).equals(other), `byte ${at} differs: written`);
    }
  });

  t.test(`WRITE of ${size} bytes sent again late`, async t => {
    const { path, client, write, ...served } = await serveFile(t);
    const data = Buffer.alloc(size, 'data');
    const newer = changedAt(data, size >> 1);
    const first = await write(60, data);
    await write(61, newer);
    t.ok((await write(60, data)).equals(first), 'answered as before');
    t.ok(readFileSync(path).equals(newer), 'what was written since is still there');
    await end(served, client, 'reset');
    const next = served.connect();
    t.ok((await write(60, data, 0, next)).equals(first), 'over the next connection as well');
    t.ok(readFileSync(path).equals(newer));
    rmSync(path);
    t.ok((await write(60, data, 0, next)).equals(first), 'and when the file is gone since');
  });

  t.test(`WRITEs of ${size} bytes that all have one xid`, async t => {
    const { path, write } = await serveFile(t);
    const data = Buffer.alloc(size, 'data');
    const last = changedAt(data, size >> 1);
    await write(0, data);
    await write(0, data, size);
    await write(0, last);
    await write(0, last, size);
    t.ok(readFileSync(path).equals(Buffer.concat([last, last])), 'all are written');
  });
}

t.test('one xid for all calls leaves few replies behind, so none has to be searched for among many', async t => {
  const served = await serve(t);
  const client = await connected(served);
  const remove = (name: string) => served.call(client, NFS3.REMOVE, { object: { dir: served.root, name } }, 1);
  for (let i = 0; i < 300; i++) {
    if (statusOf(await remove(`no-${i}`)) !== S.NFS3ERR_NOENT) t.fail(`REMOVE ${i}`);
  }
  t.ok(served.replies.size <= 17, `${served.replies.size} replies are kept`);
  writeFileSync(join(served.dir, 'no-299'), '');
  t.equal(statusOf(await remove('no-299')), S.NFS3ERR_NOENT, 'the last ones are given again all the same');
});
