/** The connection to a brick that answers as the test wants. */
import t from 'tap';
import { CALLBACKS } from '#protocols/gluster/callbacks.ts';
import { CBK } from '#protocols/gluster/constants.ts';
import { auth_glusterfs_parms_v3 } from '#protocols/gluster/credentials.ts';
import { encode } from '#protocols/xdr/codec.ts';
import { XdrReader } from '#protocols/xdr/stream.ts';
import type { ClientOptions } from '#src/xlators/protocol/client/options.ts';
import type { Remote } from '#src/xlators/protocol/client/remote.ts';
import { frame } from '../../../../support/graph.ts';
import { FakeBrick, refused, taken, VOLUME_ID } from '../../../../support/gluster/fake-brick.ts';
import { connectedBrick, oneBrick } from '../../../../support/gluster/one-brick.ts';
import { answer } from '../../../../support/rpc/call-server.ts';
import { hex } from '../../../../support/hex.ts';
import { DONE, FOPS, iattx, refused as refusedFop } from '../../../../support/remote.ts';

const PATH = '/bricks/b1';
const at = ({ port }: FakeBrick, options = {}) => ({ 'remote-host': '127.0.0.1', 'remote-port': port, ...options });

/** Waits for what no event tells. */
async function until(is: () => boolean): Promise<void> {
  while (!is()) await new Promise(resolve => setImmediate(resolve));
}

t.test('a client says who it is, each time as another one', async t => {
  const brick = await FakeBrick.start(t);
  const made = await connectedBrick(t, PATH, at(brick, { username: 'user', password: 'secret' }));
  t.match(Object.fromEntries(brick.introductions[0]!), {
    'remote-subvolume': PATH,
    'process-uuid': /^CTX_ID:[0-9a-f-]{36}-GRAPH_ID:0-PID:\d+-HOST:.+-PC_NAME:brick-RECON_NO:-0$/,
    'fops-version': '1298437',
    username: 'user',
    password: 'secret',
  });
  const up = made.top.next('child-up');
  brick.drop();
  await up;
  const [first, second] = brick.introductions.map(dict => String(dict.get('process-uuid')));
  t.equal(second, first!.replace(/0$/, '1'));
  t.equal(brick.introductions[1]!.get('volume-id'), VOLUME_ID, 'the brick is to check that it is the same volume');
  const other = await connectedBrick(t, PATH, at(brick));
  t.not(String(brick.introductions[2]!.get('process-uuid')).slice(0, 43), first!.slice(0, 43));
  t.ok(other.brick);
  t.notMatch(JSON.stringify([made.lines, made.brick.dump(), made.brick.trouble]), /secret/);
});

t.test('a brick of another volume at the same place is not used', async t => {
  const brick = await FakeBrick.start(t);
  const made = await connectedBrick(t, PATH, at(brick));
  brick.answer = taken({ 'volume-id': '11111111-2bfd-48f1-90b0-1968cbece7bb' });
  const down = made.top.next('child-down');
  brick.drop();
  await down;
  await until(() => /belongs to volume 11111111/.test(made.brick.trouble ?? ''));
  t.equal((await made.brick.volumeId()).toString('hex'), VOLUME_ID.replaceAll('-', ''));
  await t.rejects(made.top.stat(frame, made.root), { code: 'ENOTCONN' });
});

t.test('what is no answer to an introduction', async t => {
  const brick = await FakeBrick.start(t);
  for (const [garbage, trouble] of [
    [taken({ 'volume-id': 'x' }), /does not tell which volume/],
    [taken({ 'volume-id': `${VOLUME_ID}\n` }), /does not tell which volume/],
    [refused(22, 'UUID not specified'), /UUID not specified \(EINVAL\)/],
    [refused(999, 'x'.repeat(5000)), /x{200} \(EIO\)/],
    [hex('ffffffff'), /at most 16777216/],
    [hex('80000004 00000001'), /need 4 bytes/],
  ] as const) {
    brick.answer = garbage;
    const { brick: client } = await oneBrick(t, PATH, at(brick));
    await until(() => client.trouble !== undefined);
    t.match(client.trouble, trouble);
  }
});

t.test('a brick whose process was started anew has lost what it had not synced', async t => {
  const brick = await FakeBrick.start(t);
  const made = await connectedBrick(t, PATH, at(brick));
  const again = async (process: string) => {
    brick.answer = taken({ 'process-uuid': process });
    const up = made.top.next('child-up');
    brick.drop();
    await up;
    return made.top.kinds.splice(0).join();
  };
  made.top.kinds.splice(0);
  t.equal(await again('process 1'), 'child-down,child-up', 'the same process has it still');
  t.equal(await again('process 2'), 'child-down,unstable-lost,child-up', 'a graph before this one may have written');
  t.equal(await again('process 3'), 'child-down,child-up', 'nothing was written');
  (made.brick as unknown as { remote: Remote }).remote.hasUnsynced = true;
  t.equal(await again('process 4'), 'child-down,unstable-lost,child-up');
});

t.test('a brick was started anew while one graph took over from another: what was not synced is lost', async t => {
  const brick = await FakeBrick.start(t);
  const before = await connectedBrick(t, PATH, at(brick));
  await before.graph.stop();
  const same = await connectedBrick(t, PATH, at(brick));
  t.notOk(same.top.kinds.includes('unstable-lost'), 'the same process has it still');
  await same.graph.stop();
  brick.answer = taken({ 'process-uuid': 'process 2' });
  const after = await connectedBrick(t, PATH, at(brick));
  t.ok(after.top.kinds.includes('unstable-lost'));
});

t.test('the storage of a brick fails and comes back', async t => {
  const brick = await FakeBrick.start(t);
  const made = await connectedBrick(t, PATH, at(brick));
  brick.answer = taken({ child_up: '0' });
  const down = made.top.next('child-down');
  const call = t.rejects(made.top.stat(frame, made.root), { code: 'ENOTCONN' }, 'a call under way fails');
  brick.tell(CBK.CHILD_DOWN);
  await Promise.all([down, call]);
  await until(() => made.brick.dump().phase === 'no-storage');
  t.match(made.brick.trouble, /brick 127\.0\.0\.1:\/bricks\/b1: the storage of the brick has failed/);
  await t.rejects(made.top.stat(frame, made.root), { code: 'ENOTCONN' });
  const up = made.top.next('child-up');
  brick.tell(CBK.CHILD_UP);
  await up;
  t.equal(made.brick.trouble, undefined);
});

const zeros = {
  ia_gfid: Buffer.alloc(16), ia_ino: 0n, ia_dev: 0n, mode: 0, ia_nlink: 0, ia_uid: 0, ia_gid: 0, ia_rdev: 0n, ia_size: 0,
  ia_blksize: 0, ia_blocks: 0, ia_atime: 0, ia_atime_nsec: 0, ia_mtime: 0, ia_mtime_nsec: 0, ia_ctime: 0, ia_ctime_nsec: 0,
}; // prettier-ignore

t.test('callbacks become events', async t => {
  const brick = await FakeBrick.start(t);
  const made = await connectedBrick(t, PATH, at(brick));
  made.top.events.splice(0);
  const gfid = Buffer.from('0123456789abcdef');
  const parent = Buffer.alloc(16, 7);
  const flock = { type: 1, whence: 0, start: 0n, len: 0n, pid: 0, lk_owner: Buffer.alloc(8) };
  const invalidation = CALLBACKS[CBK.CACHE_INVALIDATION];
  const changed = { event_type: 1, flags: 0x211, expire_time_attr: 60, stat: zeros, xdata: new Map() };
  const stats = { parent_stat: { ...zeros, ia_gfid: parent }, oldparent_stat: zeros };
  const text = '30313233-3435-3637-3839-616263646566';
  brick.tell(CBK.CACHE_INVALIDATION, encode(invalidation, { gfid: text, ...changed, ...stats } as never));
  brick.tell(CBK.CACHE_INVALIDATION, encode(invalidation, { gfid: 'no gfid', ...changed, ...stats } as never));
  const contention = { gfid, flock, pid: 1, domain: 'd', xdata: new Map() };
  brick.tell(CBK.INODELK_CONTENTION, encode(CALLBACKS[CBK.INODELK_CONTENTION], contention as never));
  const named = { gfid: parent, type: 1, pid: 1, name: 'n', domain: 'd', xdata: new Map() };
  brick.tell(CBK.ENTRYLK_CONTENTION, encode(CALLBACKS[CBK.ENTRYLK_CONTENTION], named as never));
  brick.tell(CBK.STATEDUMP);
  const last = made.top.next(
    event => event.kind === 'upcall' && event.about === 'contention' && event.gfid.equals(parent),
  );
  await last;
  t.strictSame(made.top.events, [
    { kind: 'upcall', gfid, about: 'changed' },
    { kind: 'upcall', gfid: parent, about: 'changed' },
    { kind: 'upcall', gfid: parent, about: 'changed' },
    { kind: 'upcall', gfid, about: 'contention' },
    { kind: 'upcall', gfid: parent, about: 'contention' },
  ]);
});

t.test('a callback that cannot be read, and an answer that cannot: the connection is made anew', async t => {
  const brick = await FakeBrick.start(t);
  const made = await connectedBrick(t, PATH, at(brick));
  let up = made.top.next('child-up');
  brick.tell(CBK.INODELK_CONTENTION, hex('00000001'));
  await up;
  up = made.top.next('child-up');
  brick.onFop = (call, socket) => socket.write(answer(call, hex('00000000 00000000 00000001')));
  await t.rejects(made.top.stat(frame, made.root), { code: 'EREMOTEIO' });
  await up;
  t.equal(brick.introductions.length, 3);
});

t.test('calls that the brick cannot read fail, and the connection goes on', async t => {
  const brick = await FakeBrick.start(t);
  const made = await connectedBrick(t, PATH, at(brick));
  brick.onFop = ({ xid }) => {
    const reply = Buffer.concat([xid, hex('00000001 00000000 00000000 00000000 00000004')]); // GARBAGE_ARGS
    brick.send(Buffer.concat([hex('80000018'), reply]));
  };
  await t.rejects(made.top.stat(frame, made.root), { code: 'EREMOTEIO', message: /could not read the arguments/ });
  t.equal(brick.introductions.length, 1);
  t.match(made.brick.dump(), { phase: 'up', 'stat.failed': 1 });
});

t.test('the answers of a brick are counted, and those that refuse', async t => {
  const brick = await FakeBrick.start(t);
  const made = await connectedBrick(t, PATH, at(brick));
  const heads = [DONE, DONE, refusedFop(116)];
  brick.onFop = (call, socket) => {
    const stat = iattx(made.root.gfid, 0o040755);
    socket.write(answer(call, encode(FOPS.STAT.res, { ...heads.shift()!, stat })));
  };
  for (let i = 0; i < 2; i++) t.equal((await made.top.stat(frame, made.root)).mode, 0o755);
  await t.rejects(made.top.stat(frame, made.root), { code: 'ESTALE' });
  const counts = made.brick.dump();
  t.match(counts, { 'stat.answered': 3, 'stat.refused': 1, 'stat.failed': 0 });
  t.ok(Number(counts['stat.ms-mean']) > 0 && Number(counts['stat.ms-max']) >= Number(counts['stat.ms-mean']));
});

t.test('a brick that lets nothing happen after it took the connection', async t => {
  const brick = await FakeBrick.start(t);
  brick.answer = undefined;
  const made = await oneBrick(t, PATH, at(brick, { 'ping-timeout': '100ms' }));
  await until(() => made.brick.trouble !== undefined);
  t.match(made.brick.trouble, /no sign of life for 100 ms/);
});

t.test('settings that change while the brick is used', async t => {
  const brick = await FakeBrick.start(t);
  const made = await connectedBrick(t, PATH, at(brick));
  const { options } = made.brick as unknown as { options: ClientOptions };
  made.brick.reconfigure({ where: 'v:1', options: { ...options, 'ping-timeout': 0.1, 'send-gids': false } })();
  const groups: number[][] = [];
  brick.onFop = ({ rest }) => {
    const from = new XdrReader(rest);
    from.uint32();
    const body = from.opaque(400);
    if (body.length > 0) groups.push(auth_glusterfs_parms_v3.decode(new XdrReader(body)).groups);
  };
  const user = { ...frame, identity: { uid: 1, gid: 1, groups: [2, 3] } };
  await t.rejects(made.top.stat(user, made.root), { code: 'ENOTCONN', message: /no sign of life for 100 ms/ });
  t.strictSame(groups, [[]]);
});
