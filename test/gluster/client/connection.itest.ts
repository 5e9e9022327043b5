/** The connection to a brick of real GlusterFS: how it is made, lost and made again. */
import { spawnSync } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { Stable } from '#src/graph/fops.ts';
import type { Xlator } from '#src/graph/xlator.ts';
import { Fd } from '#src/graph/inode.ts';
import { frame } from '../../support/graph.ts';
import { enterBed, gluster, sh } from '../support/bed.ts';
import { connectedBrick, oneBrick } from '../../support/gluster/one-brick.ts';
import { GlusterVolume } from '../support/volume.ts';

enterBed(import.meta.filename);
t.setTimeout(300_000);

const WRITE = 1;
const attr = { mode: 0o644 };

type Made = Awaited<ReturnType<typeof connectedBrick>>;

/** Makes a file with some bytes in it, which need not be on the disk. */
async function fileIn({ top, root, table }: Made, name: string) {
  const made = await top.create(frame, root, name, { mode: 'guarded', attr });
  const inode = table.link(made.iatt, root, name);
  await top.writev(frame, inode.fd, Buffer.from('bytes'), 0, Stable.UNSTABLE);
  return inode;
}

/** Waits until the xlator says that something is wrong, which no event tells. */
async function troubleOf(t: Test, brick: Xlator, wanted: RegExp): Promise<void> {
  for (let i = 0; i < 200 && !wanted.test(brick.trouble ?? ''); i++) await sleep(50);
  t.match(brick.trouble, wanted);
}

t.test('a brick is found by its path, and tells which volume it belongs to', async t => {
  const volume = await GlusterVolume.for(t, 'plain');
  const made = await connectedBrick(t, volume.bricks[0]!.path);
  const inode = await fileIn(made, 'f');
  const read = await made.top.readv(frame, inode.fd, 100, 0);
  t.equal(read.data.toString(), 'bytes');
  read.release?.();
  const id = /Volume ID: (\S+)/.exec(await gluster(`volume info ${volume.name}`))![1]!;
  t.equal((await made.brick.volumeId()).toString('hex'), id.replaceAll('-', ''));
  t.equal(made.brick.trouble, undefined);
  t.match(made.brick.dump(), { phase: 'up', pending: 0, 'mknod.answered': 1, 'write.answered': 1 });
  t.strictSame(made.top.kinds, ['child-up']);
});

t.test('a brick that is killed and started again, at another port', async t => {
  const volume = await GlusterVolume.for(t, 'plain');
  const made = await connectedBrick(t, volume.bricks[0]!.path);
  const { top, brick } = made;
  const inode = await fileIn(made, 'f');
  const opened = await top.open(frame, inode, WRITE);
  const fd = new Fd(inode, WRITE, opened.notes);
  const owner = { ...frame, lkOwner: Buffer.from('owner 1'), pid: 7 };
  const lock = { type: 'write', start: 0n, length: 10n } as const;
  await top.lk(owner, fd, 'set', lock);
  const { port } = brick.dump();

  const down = top.next('child-down');
  const lost = top.next('unstable-lost');
  const up = top.next('child-up');
  await volume.signal(0, 'SIGKILL');
  await down;
  await t.rejects(top.stat(frame, inode), { code: 'ENOTCONN' });
  await volume.start();
  await Promise.all([lost, up]);
  t.not(brick.dump().port, port);
  t.strictSame(top.kinds, ['child-up', 'child-down', 'unstable-lost', 'child-up']);

  await top.writev(frame, fd, Buffer.from('BY'), 0, Stable.FILE_SYNC);
  const read = await top.readv(frame, inode.fd, 100, 0);
  t.equal(read.data.toString(), 'BYtes', 'what was open is open again');
  read.release?.();
  const other = await connectedBrick(t, volume.bricks[0]!.path);
  const found = await other.find('f');
  const holder = await other.top.lk({ ...frame, lkOwner: Buffer.from('owner 2') }, found.fd, 'get', lock);
  t.match(holder, { type: 'write', pid: 7 }, 'the lock is there again');
});

t.test('calls under way fail when the brick is lost', async t => {
  const volume = await GlusterVolume.for(t, 'plain');
  const made = await connectedBrick(t, volume.bricks[0]!.path);
  const inode = await fileIn(made, 'f');
  await volume.signal(0, 'SIGSTOP');
  const calls = Array.from({ length: 20 }, () => made.top.stat(frame, inode));
  const outcomes = Promise.allSettled(calls);
  await volume.signal(0, 'SIGKILL');
  t.ok((await outcomes).every(it => it.status === 'rejected' && (it.reason as { code: string }).code === 'ENOTCONN'));
});

t.test('a brick that is frozen is given up after the ping timeout, and used again when it thaws', async t => {
  const volume = await GlusterVolume.for(t, 'plain');
  const made = await connectedBrick(t, volume.bricks[0]!.path, { 'ping-timeout': 2 });
  const inode = await fileIn(made, 'f');
  await volume.signal(0, 'SIGSTOP');
  const began = performance.now();
  await t.rejects(made.top.stat(frame, inode), { code: 'ENOTCONN', message: /no sign of life for 2000 ms/ });
  const ms = performance.now() - began;
  t.ok(ms > 1900 && ms < 10_000, `${ms} ms`);
  const up = made.top.next('child-up');
  await volume.signal(0, 'SIGCONT');
  await up;
  t.ok(await made.top.stat(frame, inode));
  t.notMatch(made.top.kinds, ['unstable-lost'], 'the same process has kept what was written');
});

t.test('a volume that is stopped and started again', async t => {
  const volume = await GlusterVolume.for(t, 'plain');
  const made = await connectedBrick(t, volume.bricks[0]!.path);
  await volume.stop();
  await troubleOf(t, made.brick, /does not run/);
  const up = made.top.next('child-up');
  await volume.start();
  await up;
  t.equal(made.brick.trouble, undefined);
});

t.test('a brick that nothing is known of, and another one in its place', async t => {
  const volume = await GlusterVolume.for(t, 'plain');
  const { brick } = await oneBrick(t, '/nowhere');
  await troubleOf(t, brick, /brick gnode:\/nowhere: the brick does not run/);
  await t.rejects(brick.volumeId(), { code: 'ENOTCONN' });
  const { brick: there } = await connectedBrick(t, volume.bricks[0]!.path);
  const { brick: other } = await oneBrick(t, '/nowhere', { 'remote-port': Number(there.dump().port) });
  await troubleOf(t, other, /refuses this client: .*\(ENOENT\)/);
});

t.test('a client that is not let in', async t => {
  const volume = await GlusterVolume.for(t, 'plain', { 'auth.reject': '127.0.0.1' });
  const { brick, lines } = await oneBrick(t, volume.bricks[0]!.path);
  await troubleOf(t, brick, /refuses this client: .*\(EACCES\)/);
  t.equal(lines.filter(({ level }) => level === 50).length, 1);
});

t.test('glusterd ends and comes back', async t => {
  const volume = await GlusterVolume.for(t, 'plain');
  const made = await connectedBrick(t, volume.bricks[0]!.path);
  const inode = await fileIn(made, 'f');
  process.kill(Number(await sh('pgrep', '-x', 'glusterd')));
  while (spawnSync('gluster', ['--mode=script', 'pool', 'list']).status === 0) await sleep(50);
  t.ok(await made.top.stat(frame, inode), 'the brick is used on');
  const down = made.top.next('child-down');
  const [pid] = (await sh('pgrep', '-f', `glusterfsd.*${volume.name}`)).split('\n');
  process.kill(Number(pid), 'SIGKILL');
  await down;
  await troubleOf(t, made.brick, /ECONNREFUSED/);
  const up = made.top.next('child-up');
  await sh('glusterd'); // it starts the bricks that do not run
  await up;
  t.ok(await made.top.stat(frame, inode));
});
