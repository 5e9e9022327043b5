/**
 * File systems that do not answer. Other volumes, new connections, the control socket and SIGTERM do not wait for them,
 * and the volume is served again when its file system answers. The figures are printed.
 */
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { authsys_parms } from '#protocols/auth-sys.ts';
import { createmode3, nfsstat3 as S, stable_how, time_how } from '#protocols/nfs3/constants.ts';
import { auth_flavor } from '#protocols/rpc.ts';
import { encode } from '#protocols/xdr/codec.ts';
import { ask } from '#src/cli/control-client.ts';
import { RpcError } from '#src/rpcclnt/error.ts';
import { RpcClient } from '#src/rpcclnt/client.ts';
import type { StatusReport } from '#src/server/control/report.ts';
import { folders, type Running, serving } from '../cli/harness.ts';
import { MOUNT3, NFS3 } from '../soak/procedures.ts';
import { enterNamespaces } from '../support/namespace.ts';
import { freezable, fuse, type HangingFs } from './hung.ts';

enterNamespaces(import.meta.filename);

const KEEP = { set_it: time_how.DONT_CHANGE } as const;
const ANY = { mode: 0o644, uid: undefined, gid: undefined, size: undefined, atime: KEEP, mtime: KEEP };
const WRITERS = 4;
const HANG_MS = 10_000;
/**
 * The limit for a call on another volume: it waits until the stage of its client is replaced. Ten times what this takes
 * here.
 */
const LONGEST_MS = 30_000;

const parms = { stamp: 0, machinename: 'test', uid: 0, gid: 0, gids: [] };
const cred = { flavor: auth_flavor.AUTH_SYS, body: encode(authsys_parms, parms) };

/** A client that connects again when its connection has ended, and sends its call again, as a real one does. */
class Client {
  readonly #port: number;
  #rpc: RpcClient | undefined;

  constructor(port: number) {
    this.#port = port;
  }

  async call(...args: Parameters<RpcClient['ask']>): Promise<{ status: number }> {
    for (;;) {
      try {
        this.#rpc ??= await RpcClient.connect({
          target: { host: '127.0.0.1', port: this.#port },
          timeoutMs: 60_000,
          cred,
        });
        return (await this.#rpc.ask(...args)) as { status: number };
      } catch (error) {
        if (!(error instanceof RpcError) || error.code !== 'CLOSED') throw error;
        this.#rpc = undefined;
      }
    }
  }

  async mount(path: string): Promise<Buffer> {
    return ((await this.call(MOUNT3.MNT, path)) as unknown as { fhandle: Buffer }).fhandle;
  }

  async close(): Promise<void> {
    await this.#rpc?.close();
  }
}

const createIn = (dir: Buffer, name: string) =>
  [NFS3.CREATE, { where: { dir, name }, how: { mode: createmode3.UNCHECKED, obj_attributes: ANY } }] as const;

/** Creates files until one succeeds after the file system has come back. */
async function creates(client: Client, dir: Buffer, name: string, until: () => boolean): Promise<void> {
  for (let i = 0; ; i++) {
    const mayEnd = until();
    const { status } = await client.call(...createIn(dir, `${name} ${i % 100}`));
    if (status === S.NFS3ERR_JUKEBOX) await sleep(200);
    else if (status !== S.NFS3_OK) throw new Error(`CREATE: status ${status}`);
    else if (mayEnd) return;
  }
}

function figures(ms: readonly number[]): string {
  const sorted = ms.toSorted((a, b) => a - b);
  const at = (part: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))]!.toFixed(1);
  return `${ms.length} calls, p50 ${at(0.5)}, p99 ${at(0.99)}, longest ${at(1)} ms`;
}

async function served(
  t: Test,
  fs: HangingFs,
  stages: number,
): Promise<{ server: Running; state: string; alive: string }> {
  const { alive, state } = folders(t, 'alive', 'state');
  const names = ['--name', 'hangs', '--name', 'alive', '--xlator-option', 'hangs-posix.index=off'];
  const args = ['--port', '0', '--stages', `${stages}`, '--insecure', '--state-dir', state, '--grace', '2'];
  const server = await serving(t, [...args, ...names, fs.dir, alive]);
  t.teardown(() => fs.wake()); // This must come before the server is waited for.
  return { server, state, alive };
}

async function goesOn(t: Test, fs: HangingFs, stages: number): Promise<void> {
  const { server, state } = await served(t, fs, stages);
  const bystander = new Client(server.port);
  const aliveTop = await bystander.mount('/alive');
  const hangsTop = await bystander.mount('/hangs');
  const writers = Array.from({ length: WRITERS }, () => new Client(server.port));
  let awake = false;
  const written = Promise.all(writers.map((one, i) => creates(one, hangsTop, `file ${i}`, () => awake)));
  written.catch(() => {});
  await sleep(500);

  fs.hang();
  const hungAt = performance.now();
  const calls: number[] = [];
  const controls: number[] = [];
  const connects: number[] = [];
  const timed = async (into: number[], work: () => Promise<unknown>) => {
    const start = performance.now();
    await work();
    into.push(performance.now() - start);
  };
  const during = async (pauseMs: number, work: (i: number) => Promise<void>) => {
    for (let i = 0; performance.now() - hungAt < HANG_MS; i++) {
      await work(i);
      await sleep(pauseMs);
    }
  };
  let seen: StatusReport['hangs'] = [];
  await Promise.all([
    during(2, async i => {
      await timed(calls, async () => {
        const { status } = await bystander.call(NFS3.GETATTR, { object: aliveTop });
        if (status !== S.NFS3_OK) throw new Error(`GETATTR of the other volume: status ${status}`);
      });
      await timed(calls, () => bystander.call(...createIn(aliveTop, `file ${i % 100}`)));
    }),
    during(100, () =>
      timed(controls, async () => {
        seen = (await ask<StatusReport>({ 'state-dir': state }, 'status')).hangs;
      }),
    ),
    during(100, () =>
      timed(connects, async () => {
        const another = connect({ host: '127.0.0.1', port: server.port });
        await once(another, 'connect');
        another.destroy();
      }),
    ),
  ]);
  t.equal(seen.length, 1, 'status names the brick that does not answer');
  fs.wake();
  awake = true;
  const wokenAt = performance.now();
  await written;
  t.comment(`other volume: ${figures(calls)}`);
  t.comment(`status: ${figures(controls)}; new connections: ${figures(connects)}`);
  t.comment(
    `the volume can be written to again ${(performance.now() - wokenAt).toFixed(0)} ms after its file system woke`,
  );
  for (const ms of [calls, controls, connects]) t.ok(Math.max(...ms) < LONGEST_MS);
  await server.stderr.until(/"msg":"the file system answers again"/);
  await Promise.all([...writers, bystander].map(client => client.close()));
  server.child.kill('SIGTERM');
  t.equal(await server.exited, 0);
}

for (const stages of [1, 2]) {
  t.test(`a frozen disk, ${stages} stages`, { timeout: 120_000 }, t => goesOn(t, freezable(t), stages));
  t.test(`a stopped FUSE daemon, ${stages} stages`, { timeout: 120_000 }, async t => goesOn(t, await fuse(t), stages));
}

/** The number of reads, far enough apart that reading one does not read ahead into another. */
const READS = 64;
const STEP = 1 << 20;

/** Reads of data that are not in memory, and flushes, are made in the thread pool, which all volumes share. */
async function poolGoesOn(t: Test, fs: HangingFs): Promise<void> {
  const { server } = await served(t, fs, 1);
  const client = new Client(server.port);
  writeFileSync(join(fs.dir, 'file'), Buffer.alloc(READS * STEP, 'x'));
  const [hangsTop, aliveTop] = [await client.mount('/hangs'), await client.mount('/alive')];
  const lookUp = async (dir: Buffer, name: string) => {
    const found = (await client.call(NFS3.LOOKUP, { what: { dir, name } })) as unknown as { object: Buffer };
    return found.object;
  };
  t.match(await client.call(...createIn(aliveTop, 'file')), { status: S.NFS3_OK });
  const [file, alive] = [await lookUp(hangsTop, 'file'), await lookUp(aliveTop, 'file')];
  t.match(await client.call(NFS3.READ, { file, offset: 0, count: 1 }), { status: S.NFS3_OK });
  spawnSync('sh', ['-c', 'echo 1 > /proc/sys/vm/drop_caches']);
  fs.hang();
  const start = performance.now();
  const reads = Array.from({ length: READS - 1 }, async (_, i) => {
    const { status } = await client.call(NFS3.READ, { file, offset: (i + 1) * STEP, count: 4096 });
    return { status, ms: performance.now() - start };
  });
  const commits: number[] = [];
  for (let i = 0; i < 20; i++) {
    const data = Buffer.from(`${i}`);
    const bytes = { file: alive, offset: 0, count: data.length, stable: stable_how.FILE_SYNC, data };
    const before = performance.now();
    t.match(await client.call(NFS3.WRITE, bytes), { status: S.NFS3_OK });
    commits.push(performance.now() - before);
    await sleep(20);
  }
  t.comment(`stable writes to another volume: ${figures(commits)}`);
  const first = await Promise.race(reads);
  t.equal(first.status, S.NFS3ERR_JUKEBOX, 'a read that finds no thread is answered JUKEBOX');
  t.comment(`a read that found no thread is answered after ${first.ms.toFixed(0)} ms`);
  fs.wake();
  const answered = await Promise.all(reads);
  const count = (wanted: number) => answered.filter(({ status }) => status === wanted).length;
  t.comment(`of ${reads.length} reads ${count(S.NFS3_OK)} were in the pool and waited`);
  t.ok(count(S.NFS3_OK) > 0);
  t.equal(count(S.NFS3_OK) + count(S.NFS3ERR_JUKEBOX), reads.length);
  await client.close();
  server.child.kill('SIGTERM');
  t.equal(await server.exited, 0);
}

t.test('the thread pool is shared fairly', { timeout: 120_000 }, async t => poolGoesOn(t, await fuse(t, 1000)));

function stateOf(pid: number): string | undefined {
  try {
    return /^State:\s+(\w)/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1];
  } catch {
    return undefined;
  }
}

async function ends(t: Test, fs: HangingFs, givenUp: boolean): Promise<void> {
  const { server } = await served(t, fs, 2);
  const client = new Client(server.port);
  const top = await client.mount('/hangs');
  fs.hang();
  client.call(...createIn(top, 'file')).catch(() => {});
  if (givenUp) await server.stderr.until(/"msg":"the stage has been replaced"/);
  else await sleep(200);
  const start = performance.now();
  const ms = () => `${(performance.now() - start).toFixed(0)} ms`;
  server.child.kill('SIGTERM');
  const refused = async () => {
    const socket = connect({ host: '127.0.0.1', port: server.port });
    const [error] = (await Promise.race([once(socket, 'connect'), once(socket, 'error')]).catch(error => [error])) as [
      unknown,
    ];
    socket.destroy();
    return error instanceof Error;
  };
  while (!(await refused())) await sleep(20);
  t.comment(`the port is free ${ms()} after SIGTERM`);
  // A thread that waits for a frozen disk cannot be killed. It keeps the process, as a zombie, until the disk wakes.
  const state = () => stateOf(server.child.pid!);
  while (state() !== 'Z' && state() !== undefined) await sleep(20);
  t.comment(`the process is ${state() === 'Z' ? 'a zombie' : 'gone'} ${ms()} after SIGTERM`);
  t.ok(performance.now() - start < LONGEST_MS);
  fs.wake();
  t.equal(await server.exited, 0);
}

for (const givenUp of [false, true]) {
  const when = givenUp ? 'whose stage has been replaced' : 'that has just begun to hang';
  t.test(`SIGTERM with a frozen disk ${when}`, { timeout: 120_000 }, t => ends(t, freezable(t), givenUp));
  t.test(`SIGTERM with a stopped FUSE daemon ${when}`, { timeout: 120_000 }, async t =>
    ends(t, await fuse(t), givenUp),
  );
}
