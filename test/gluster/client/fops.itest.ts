/** The fops of protocol/client with a real brick, and what GlusterFS's own client sees of them. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import * as fs from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { Stable } from '#src/graph/fops.ts';
import { FileType, type Iatt } from '#src/graph/iatt.ts';
import { stackOf } from '../../support/graph.ts';
import { anna, peopleOf } from '../../suites/people.ts';
import { twoStepSuite } from '../../suites/two-step.ts';
import { xlatorSuite } from '../../suites/xlator.ts';
import { enterBed, HOST, sh } from '../support/bed.ts';
import { emptied } from '../support/emptied.ts';
import { textOf } from '../support/open-at-bricks.ts';
import { GlusterVolume } from '../support/volume.ts';

enterBed(import.meta.filename);
t.setTimeout(600_000);

const volume = await GlusterVolume.make('plain');
t.teardown(() => volume.remove());

const onBrick = (t: Test, ...layers: readonly string[]) =>
  emptied(t, stackOf(...layers, `protocol/client remote-host=${HOST} remote-subvolume=${volume.bricks[0]!.path}`));
const served = (t: Test) => onBrick(t, 'features/two-step', 'features/utime');

twoStepSuite(t, 'a real brick', served);
xlatorSuite(t, 'two-step over a real brick', served);

/** The attributes as GlusterFS's own client shows them. */
function seenByFuse(path: string) {
  const { mode, uid, gid, size, nlink, ino, mtimeNs, ctimeNs } = fs.lstatSync(path, { bigint: true });
  return { mode: Number(mode) & 0o7777, uid, gid, size, nlink, ino: BigInt.asUintN(64, ino), mtimeNs, ctimeNs };
}

const NS = 1_000_000_000n;
const seenByUs = ({ mode, uid, gid, size, nlink, ino, mtime, mtimeNsec, ctime, ctimeNsec }: Iatt) => ({
  mode,
  uid: BigInt(uid),
  gid: BigInt(gid),
  size: BigInt(size),
  nlink: BigInt(nlink),
  ino,
  mtimeNs: BigInt(mtime) * NS + BigInt(mtimeNsec),
  ctimeNs: BigInt(ctime) * NS + BigInt(ctimeNsec),
});

t.test("what we make is the same to GlusterFS's own client", async t => {
  const { top, root, hand, fileOf } = await peopleOf(await served(t));
  const dir = await hand.dir('d');
  await top.setattr(hand.frame, dir, { mode: 0o2777, gid: 77 });
  const file = await fileOf(anna, 'f', 0o4711, 'some text');
  await top.setattr(anna, file, { atime: { sec: 1, nsec: 2 }, mtime: { sec: 1_234_567_890, nsec: 123_456_789 } });
  await top.setxattr(anna, file, new Map([['user.a', Buffer.from([0, 255])]]), 0);
  await top.link(anna, file, dir, 'hard\xe4');
  await top.symlink(anna, root, 's', '../t\xffarget', {});
  await top.mknod(hand.frame, dir, 'null', FileType.CHR, { mode: 0o640 }, { major: 1, minor: 3 });
  await top.mknod(anna, dir, 'fifo', FileType.FIFO, { mode: 0o600 }, { major: 0, minor: 0 });
  await top.mkdir(anna, dir, 'inner', { mode: 0o750 });
  await top.writev(hand.frame, (await fileOf(anna, 'holes', 0o600)).fd, Buffer.from('end'), 1_000_000, Stable.UNSTABLE);

  const mount = await volume.mount(t);
  const names = new Map([
    ['f', [root, 'f']],
    ['d', [root, 'd']],
    ['s', [root, 's']],
    ['holes', [root, 'holes']],
    ['d/null', [dir, 'null']],
    ['d/fifo', [dir, 'fifo']],
    ['d/inner', [dir, 'inner']],
  ] as const);
  for (const [path, [parent, name]] of names) {
    const { iatt } = await top.lookup(hand.frame, parent, name);
    t.strictSame(seenByFuse(join(mount, path)), seenByUs(iatt), path);
  }
  t.equal(fs.readFileSync(join(mount, 'f'), 'utf8'), 'some text');
  t.equal(fs.readlinkSync(join(mount, 's'), 'latin1'), '../t\xffarget');
  t.strictSame(fs.readdirSync(join(mount, 'd'), 'latin1').toSorted(), ['fifo', 'hard\xe4', 'inner', 'null']);
  t.strictSame(fs.readdirSync(mount).toSorted(), ['d', 'f', 'holes', 's']);
  const { rdev } = fs.lstatSync(join(mount, 'd/null'));
  t.equal(rdev, 0x103);
  t.match(await sh('getfattr', '-e', 'hex', '-n', 'user.a', '--absolute-names', join(mount, 'f')), /user\.a=0x00ff/);
  const holes = fs.readFileSync(join(mount, 'holes'));
  t.ok(holes.subarray(0, 1_000_000).every(byte => byte === 0) && holes.toString('utf8', 1_000_000) === 'end');
});

t.test("what GlusterFS's own client makes is the same to us", async t => {
  const { top, root, hand } = await peopleOf(await served(t));
  const mount = await volume.mount(t);
  fs.mkdirSync(join(mount, 'd'));
  fs.writeFileSync(join(mount, 'd/f'), 'their text', { mode: 0o640 });
  fs.chownSync(join(mount, 'd/f'), 5, 6);
  fs.linkSync(join(mount, 'd/f'), join(mount, 'l'));
  fs.symlinkSync('d/f', join(mount, 's'));
  await sh('setfacl', '-m', 'u:1001:r', join(mount, 'd/f')).catch(() => sh('chmod', '644', join(mount, 'd/f')));
  const dir = await hand.lookup(root, 'd');
  const file = await hand.lookup(dir, 'f');
  for (const [path, parent, name] of [
    ['d', root, 'd'],
    ['d/f', dir, 'f'],
    ['l', root, 'l'],
    ['s', root, 's'],
  ] as const) {
    t.strictSame(seenByUs((await top.lookup(hand.frame, parent, name)).iatt), seenByFuse(join(mount, path)), path);
  }
  t.equal(await hand.content(file), 'their text');
  t.equal((await top.readv(anna, file.fd, 5, 0)).data.toString(), 'their', 'the ACL lets the caller read');
  const before = seenByFuse(join(mount, 'd/f'));
  await top.writev(hand.frame, file.fd, Buffer.from('T'), 0, Stable.UNSTABLE);
  const after = await top.stat(hand.frame, file);
  t.ok(seenByUs(after).mtimeNs > before.mtimeNs && seenByUs(after).ctimeNs > before.ctimeNs, 'the times go on');
  await top.rename(hand.frame, dir, 'f', root, 'moved');
  // The kernel keeps the pages of the first mount for a moment.
  t.equal(fs.readFileSync(join(await volume.mount(t), 'moved'), 'utf8'), 'Their text');
  fs.unlinkSync(join(mount, 'moved'));
  t.equal((await top.stat(hand.frame, file)).nlink, 1);
});

/** Whether strace has attached to all threads of a process, any of which may be the one that syncs. */
function isTraced(pid: number): boolean {
  const threads = fs.readdirSync(`/proc/${pid}/task`);
  return threads.every(id => /^TracerPid:\s*[1-9]/m.test(fs.readFileSync(`/proc/${pid}/task/${id}/status`, 'utf8')));
}

t.test('a stable write, and a sync, reach the disk before they are answered', async t => {
  const { top, hand } = await peopleOf(await served(t));
  const { fd } = await hand.file('f', 'x');
  const [pid] = await volume.pids();
  /** How often the brick has synced a file during `work`. */
  async function syncs(work: () => Promise<unknown>): Promise<number> {
    const strace = spawn('strace', ['-f', '-qq', '-e', 'trace=fsync,fdatasync', '-p', `${pid}`], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    let traced = '';
    strace.stderr.setEncoding('utf8').on('data', (text: string) => (traced += text));
    try {
      await once(strace, 'spawn');
      while (!isTraced(pid!)) {
        await new Promise(resolve => {
          setImmediate(resolve);
        });
      }
      await work();
    } finally {
      const closed = once(strace, 'close');
      strace.kill('SIGINT');
      await closed;
    }
    return [...traced.matchAll(/f(?:data)?sync\(\d+\) += 0|f(?:data)?sync resumed>.* = 0/g)].length;
  }
  const bytes = Buffer.from('data');
  t.equal(await syncs(() => top.writev(hand.frame, fd, bytes, 0, Stable.UNSTABLE)), 0);
  t.ok((await syncs(() => top.writev(hand.frame, fd, bytes, 0, Stable.FILE_SYNC))) >= 1, 'FILE_SYNC');
  t.ok((await syncs(() => top.writev(hand.frame, fd, bytes, 0, Stable.DATA_SYNC))) >= 1, 'DATA_SYNC');
  t.ok((await syncs(() => top.fsync(hand.frame, fd, false))) >= 1, 'fsync by an anonymous fd');
});

t.test('a directory that could not be renamed keeps its handle on the brick', async t => {
  const { top, root, hand } = await peopleOf(await served(t));
  const [dir, full] = [await hand.dir('dir'), await hand.dir('full')];
  await top.mkdir(hand.frame, full, 'inner', {});
  const { ctimeNs } = seenByUs((await top.lookup(hand.frame, root, 'dir')).iatt);
  const digits = dir.gfid.toString('hex');
  const prefixes = [digits.slice(0, 2), digits.slice(2, 4)];
  const handle = join(volume.bricks[0]!.path, '.glusterfs', ...prefixes, textOf(dir.gfid));
  await t.rejects(top.rename(anna, root, 'dir', root, 'full'), { code: 'ENOTEMPTY' });
  t.match(fs.readlinkSync(handle), /\/dir$/);
  t.equal(seenByUs((await top.lookup(hand.frame, root, 'dir')).iatt).ctimeNs, ctimeNs, 'nothing was changed');
});
