/** Calls to a brick: on whose behalf they are, and what they fail with. */
import t, { type Test } from 'tap';
import { AUTH_GLUSTERFS, auth_glusterfs_parms_v3 } from '#protocols/gluster/credentials.ts';
import { int32, nothing, struct } from '#protocols/xdr/codec.ts';
import { XdrReader } from '#protocols/xdr/stream.ts';
import type { Frame } from '#src/graph/frame.ts';
import { ownFrame } from '#src/graph/own-frame.ts';
import type { RemoteProcedure } from '#protocols/rpc.ts';
import { RpcClient } from '#src/rpcclnt/client.ts';
import { RpcError } from '#src/rpcclnt/error.ts';
import { fopErrorOf, Remote } from '#src/xlators/protocol/client/remote.ts';
import { frame } from '../../../support/graph.ts';
import { type Call, answer, callServer } from '../../../support/rpc/call-server.ts';
import { hex } from '../../../support/hex.ts';

const of = { prog: 1298437, vers: 400 } as const;
const STATUS: RemoteProcedure<void, { op_ret: number }> = {
  ...of,
  name: 'STATUS',
  proc: 1,
  args: nothing,
  res: struct({ op_ret: int32 }),
};
const GIVEN = hex('00000000');
const REFUSED = hex('ffffffff');

/** A brick that keeps the calls it gets, and answers them with `results` unless that is undefined. */
async function brickOf(t: Test, results: Buffer | undefined, settings: { sendsGroups?: boolean } = {}) {
  const calls: Call[] = [];
  let arrived = Promise.withResolvers<void>();
  let send: (call: Call, results: Buffer) => void;
  const port = await callServer(t, (socket, received) => {
    calls.push(...received);
    send = (call, bytes) => void socket.write(answer(call, bytes));
    if (results !== undefined) for (const call of received) send(call, results);
    arrived.resolve();
    arrived = Promise.withResolvers();
  });
  const errorOf = (why: RpcError) => fopErrorOf('b', why);
  const client = await RpcClient.connect({ target: { host: '127.0.0.1', port }, timeoutMs: 5000, errorOf });
  t.teardown(() => client.close());
  const { sendsGroups = true } = settings;
  const remote = new Remote({ name: 'b', timeoutMs: () => 5000, sendsGroups: () => sendsGroups, slot: 0 });
  remote.attach(client);
  return {
    client,
    remote,
    calls,
    answer: (call: Call, bytes: Buffer) => send(call, bytes),
    next: () => arrived.promise,
  };
}

/** The credential of a call. */
function credentialOf({ rest }: Call) {
  const from = new XdrReader(rest);
  t.equal(from.uint32(), AUTH_GLUSTERFS.V3);
  const length = from.uint32();
  return auth_glusterfs_parms_v3.decode(new XdrReader(from.bytes(length)));
}

t.test('the credential says whose fop it is', async t => {
  const { remote, calls } = await brickOf(t, GIVEN);
  const user: Frame = {
    ...frame,
    identity: { uid: 1000, gid: 100, groups: [4, 27] },
    lkOwner: Buffer.from('owner'),
    pid: 77,
    times: { flags: 3, sec: 1_700_000_000, nsec: 5 },
  };
  await Promise.all([frame, user, { ...user, pid: -6 }, ownFrame(user)].map(it => remote.call(STATUS, undefined, it)));
  const [plain, full, negative, own] = calls.map(credentialOf);
  const NO_TIMES = { flags: 0, ctime_sec: 0, ctime_nsec: 0 };
  t.match(plain, { pid: 1, uid: 0, gid: 0, groups: [], lk_owner: Buffer.alloc(4), ...NO_TIMES });
  t.strictSame(full, {
    pid: 77, uid: 1000, gid: 100, groups: [4, 27], flags: 3, ctime_sec: 1_700_000_000, ctime_nsec: 5,
    lk_owner: Buffer.from('owner'),
  }); // prettier-ignore
  t.equal(negative!.pid, 1, 'a negative pid, which switches checks off, is never passed on');
  await Promise.all([0xffff_fffc, 2 ** 31, 2 ** 64].map(pid => remote.call(STATUS, undefined, { ...user, pid })));
  const large = calls.slice(4).map(credentialOf);
  t.ok(large.every(({ pid }) => pid >= 0), 'nor one that is negative on the wire only'); // prettier-ignore
  t.match(own, { pid: -4, uid: 0, ...NO_TIMES }, "a layer's own fop");
});

t.test('a long owner of locks is told from others, and leaves room for the groups', async t => {
  const { remote, calls } = await brickOf(t, GIVEN);
  const groups = Array.from({ length: 50 }, (_, i) => i);
  for (const fill of [1, 2]) {
    const lkOwner = Buffer.alloc(300, fill);
    await remote.call(STATUS, undefined, { ...frame, identity: { uid: 1, gid: 1, groups }, lkOwner });
  }
  const [one, two] = calls.map(credentialOf);
  t.notSame(one!.lk_owner, two!.lk_owner);
  t.equal(one!.groups.length, 50);
});

t.test('groups that the brick finds itself are not sent', async t => {
  const { remote, calls } = await brickOf(t, GIVEN, { sendsGroups: false });
  await remote.call(STATUS, undefined, { ...frame, identity: { uid: 1, gid: 1, groups: [2] } });
  t.strictSame(credentialOf(calls[0]!).groups, []);
});

t.test('no connection, and a connection that ends: ENOTCONN', async t => {
  const { client, remote } = await brickOf(t, undefined);
  const lost = t.rejects(remote.call(STATUS, undefined, frame), { name: 'FsError', code: 'ENOTCONN' });
  await client.close();
  await lost;
  remote.attach(undefined);
  await t.rejects(remote.call(STATUS, undefined, frame), { code: 'ENOTCONN', message: 'ENOTCONN: b is not connected' });
  await t.rejects(
    remote.wait(STATUS, undefined, frame, async () => {}),
    { code: 'ENOTCONN' },
  );
});

t.test('each failure of a call is an error of a file system', async t => {
  const codeOf = (code: RpcError['code']) => fopErrorOf('b', new RpcError(code, 'x')).code;
  t.equal(codeOf('TIMED_OUT'), 'ENOTCONN');
  t.equal(codeOf('BUSY'), 'EJUKEBOX');
  t.equal(codeOf('PROC_UNAVAIL'), 'EOPNOTSUPP');
  t.equal(codeOf('GARBAGE_ARGS'), 'EREMOTEIO');
  t.equal(codeOf('BAD_REPLY'), 'EREMOTEIO');
});

t.test('a lock is waited for until its frame is given up, and then given back if it comes', async t => {
  const { remote, calls, answer, next } = await brickOf(t, undefined);
  const arrived = next();
  const stop = new AbortController();
  const undone = Promise.withResolvers<void>();
  const waiting = remote.wait(STATUS, undefined, { ...frame, signal: stop.signal }, async () => undone.resolve());
  await arrived;
  stop.abort();
  await t.rejects(waiting, { code: 'EINTR' });
  answer(calls[0]!, GIVEN);
  await undone.promise;
  await t.rejects(
    remote.wait(STATUS, undefined, { ...frame, signal: stop.signal }, async () => {}),
    { code: 'EINTR' },
  );
  t.equal(calls.length, 1, 'an aborted frame asks for nothing');
});

t.test('a lock that is refused after its frame was given up is not given back', async t => {
  const { remote, calls, answer, next } = await brickOf(t, undefined);
  const arrived = next();
  const stop = new AbortController();
  let undone = 0;
  const waiting = remote.wait(STATUS, undefined, { ...frame, signal: stop.signal }, async () => undone++);
  await arrived;
  stop.abort();
  await t.rejects(waiting, { code: 'EINTR' });
  answer(calls[0]!, REFUSED);
  const again = next();
  const after = remote.wait(STATUS, undefined, frame, async () => undone++);
  await again;
  answer(calls[1]!, GIVEN);
  t.equal((await after).op_ret, 0);
  t.equal(undone, 0);
});
