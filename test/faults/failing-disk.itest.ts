/**
 * A real server on a disk that turns out to be smaller than it claims. The client that commits gets the error of
 * writing back, the verifier changes, and data written again once there is room are committed and on the disk.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { nfsstat3 as S, stable_how } from '#protocols/nfs3/constants.ts';
import { statusName, statusOf } from '../soak/model/answer.ts';
import { Caller, Tally } from '../soak/model/caller.ts';
import { authSys, Line } from '../soak/model/line.ts';
import { Random } from '../soak/model/random.ts';
import { ServerProcess } from '../soak/model/server.ts';
import { MOUNT3, NFS3 } from '../soak/procedures.ts';
import { enterNamespaces } from '../support/namespace.ts';
import { whyNot } from './power-cut/disk.ts';

enterNamespaces(import.meta.filename);

const DISK_BYTES = 64 << 20;
const BLOCK = 4096;
const WRITES = 32;
const CHUNK = 1 << 20;
const FILE_BYTES = WRITES * CHUNK;
/** How much of the file the disk has room for. */
const ROOM_BYTES = 8 << 20;
/** A client may have to write everything again each time that the kernel writes back by itself in between. */
const ROUNDS_MAX = 5;

const run = (command: string, ...args: string[]) =>
  void execFileSync(command, args, { stdio: ['ignore', 'pipe', 'pipe'] });

interface LyingDisk {
  /** A directory with a file `f` of {@link FILE_BYTES}, for which the disk has no room. For everything else it has. */
  readonly dir: string;
  /** Gives the disk the size that it claims. */
  readonly grow: () => void;
  /** Drops the kernel's copies of the disk's content from memory. */
  readonly forget: () => void;
}

function lyingDisk(t: Test): LyingDisk {
  const folder = mkdtempSync(join(tmpdir(), 'bricknfs-failing-'));
  const [below, path] = [join(folder, 'below'), join(folder, 'disk')];
  mkdirSync(below);
  mkdirSync(path);
  const size = (bytes: number) => run('mount', '-o', `remount,size=${bytes}`, below);
  run('mount', '-t', 'tmpfs', '-o', `size=${DISK_BYTES + ROOM_BYTES}`, 'none', below);
  t.teardown(() => {
    spawnSync('umount', ['-l', path]);
    spawnSync('umount', ['-l', below]);
    rmSync(folder, { recursive: true, force: true });
  });
  const image = join(below, 'image');
  writeFileSync(image, '');
  truncateSync(image, DISK_BYTES);
  run('mkfs.ext4', '-q', '-b', `${BLOCK}`, image);
  run('fallocate', '--length', `${DISK_BYTES}`, image);
  const mount = () => run('mount', '-o', 'loop', image, path);
  mount();
  const dir = join(path, 'data');
  mkdirSync(dir);
  const mark = Buffer.alloc(BLOCK, 0xa5);
  writeFileSync(join(dir, 'f'), Buffer.alloc(FILE_BYTES, mark));
  run('umount', path);
  punch(image, mark);
  size(DISK_BYTES - FILE_BYTES + ROOM_BYTES);
  mount();
  return {
    dir,
    grow: () => size(DISK_BYTES + ROOM_BYTES),
    forget() {
      run('umount', path);
      mount();
    },
  };
}

/** Frees the blocks of `image` that hold `mark`. */
function punch(image: string, mark: Buffer): void {
  const bytes = readFileSync(image);
  for (let at = 0; at < bytes.length; at += BLOCK) {
    let end = at;
    while (end < bytes.length && mark.compare(bytes, end, end + BLOCK) === 0) end += BLOCK;
    if (end === at) continue;
    run('fallocate', '--punch-hole', '--offset', `${at}`, '--length', `${end - at}`, image);
    at = end;
  }
}

interface Writer {
  readonly file: Buffer;
  /** Writes the whole file, UNSTABLE. Returns the verifiers of the replies. */
  writeAll(): Promise<Set<string>>;
  commit(): Promise<{ status: string; verf: string | undefined }>;
  writeStable(stable: stable_how): Promise<{ status: string }>;
}

async function writerOn(dir: string, data: Buffer, line: Line): Promise<Writer> {
  const caller = new Caller(line, authSys(0, 0), new Random(1), new Tally());
  const mounted = await caller.call(MOUNT3.MNT, dir);
  const what = { dir: Buffer.from((mounted as { fhandle: Buffer }).fhandle), name: 'f' };
  const found = await caller.expect(NFS3.LOOKUP, { what }, S.NFS3_OK);
  const file = Buffer.from((found as { object: Buffer }).object);
  const write = (i: number, stable: stable_how) => {
    const offset = i * CHUNK;
    return caller.call(NFS3.WRITE, { file, offset, count: CHUNK, stable, data: data.subarray(offset, offset + CHUNK) });
  };
  return {
    file,
    async writeAll() {
      const seen = new Set<string>();
      for (let i = 0; i < WRITES; i++) {
        const done = await write(i, stable_how.UNSTABLE);
        if (done.status === S.NFS3_OK) seen.add(done.verf.toString('hex'));
      }
      return seen;
    },
    async commit() {
      const done = await caller.call(NFS3.COMMIT, { file, offset: 0, count: 0 });
      const verf = done.status === S.NFS3_OK ? done.verf.toString('hex') : undefined;
      return { status: statusName(statusOf(done)), verf };
    },
    writeStable: async stable => ({ status: statusName(statusOf(await write(WRITES - 1, stable))) }),
  };
}

const why = whyNot('ext4');

t.test(
  'errors of writing back reach the client that commits',
  { skip: why !== undefined && `no disk can be made to fail: ${why}` },
  async t => {
    const disk = lyingDisk(t);
    const { dir } = disk;
    const stateDir = mkdtempSync(join(tmpdir(), 'bricknfs-failing-state-'));
    t.teardown(() => rmSync(stateDir, { recursive: true }));
    const server = await ServerProcess.start(dir, stateDir, { stages: 1 });
    t.teardown(() => server.kill());
    const data = new Random(7).bytes(FILE_BYTES);
    const line = await Line.open({ port: server.port, from: '127.0.0.1' });
    const writer = await writerOn(dir, data, line);

    const first = await writer.writeAll();
    t.equal(first.size, 1, 'there is one verifier as long as nothing has failed');
    t.match((await writer.commit()).status, /NFS3ERR_(IO|NOSPC)/, 'COMMIT tells of the error');
    const after = await writer.commit();
    t.notOk(after.verf !== undefined && first.has(after.verf), 'the verifier of the earlier writes is no longer valid');
    const second = await writer.writeAll();
    t.strictSame([...second].filter(verf => first.has(verf)), [], 'the verifier has changed'); // prettier-ignore
    for (const stable of [stable_how.DATA_SYNC, stable_how.FILE_SYNC]) {
      t.match((await writer.writeStable(stable)).status, /NFS3ERR_(IO|NOSPC)/, 'a stable write tells of the error');
    }

    disk.grow();
    let rounds = 0;
    for (let settled = false; !settled && rounds < ROUNDS_MAX; rounds++) {
      const written = await writer.writeAll();
      const { verf } = await writer.commit();
      settled = verf !== undefined && written.size === 1 && written.has(verf);
    }
    t.ok(rounds < ROUNDS_MAX, `with room the data are written and committed, after ${rounds} rounds`);
    line.socket.destroy();
    await server.stop();
    disk.forget();
    t.ok(readFileSync(join(dir, 'f')).equals(data), 'all data are on the disk');
  },
);
