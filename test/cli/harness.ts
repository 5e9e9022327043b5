/** Runs the command line in processes of its own. */
import { type ChildProcess, spawn } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Test } from 'tap';
import { COVERAGE, markerOf } from '../coverage/when-killed.ts';

const MAIN = join(import.meta.dirname, '../../src/main.ts');
const NODE = ['--disable-sigusr1'];
const WAIT_MS = 60_000;

const WHEN_KILLED = new URL('../coverage/when-killed.ts', import.meta.url).href;

/** A server that does not answer cannot write what it ran. */
const COVERAGE_MS = 5000;

/**
 * Returns the directory in which Node.js keeps compiled code for the next test that starts the program as that user, which
 * then takes a third of the processor time. Each user has its own, since none can read the code that another one keeps.
 */
export const compileCacheOf = (uid = process.geteuid!()): string =>
  join(tmpdir(), `bricknfs-test-compile-cache-${uid}`);

export interface Ran {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

interface Options {
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
  /** The user, and the group with the same number, to run as. Only root can set it. */
  readonly uid?: number;
  /** Options of Node.js. */
  readonly node?: readonly string[];
}

function start(args: readonly string[], { cwd, env, uid, node = NODE }: Options = {}): ChildProcess {
  return spawn(process.execPath, [...node, MAIN, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, NODE_COMPILE_CACHE: compileCacheOf(uid), ...env },
    ...(cwd === undefined ? {} : { cwd }),
    ...(uid === undefined ? {} : { uid, gid: uid }),
  });
}

/** What a process has written so far. */
export class Output {
  text = '';
  readonly #events = new EventEmitter();

  constructor(child: ChildProcess, stream: 'stdout' | 'stderr') {
    child[stream]!.setEncoding('utf8').on('data', (chunk: string) => {
      this.text += chunk;
      this.#events.emit('more');
    });
    child.once('close', () => this.#events.emit('end'));
  }

  until(pattern: RegExp): Promise<RegExpExecArray> {
    return new Promise((resolve, reject) => {
      const look = () => {
        const found = pattern.exec(this.text);
        if (found) done(() => resolve(found));
      };
      const fail = () => done(() => reject(new Error(`expected ${pattern}, found ${this.text}`)));
      const done = (then: () => void) => {
        clearTimeout(timer);
        this.#events.off('more', look).off('end', fail);
        then();
      };
      const timer = setTimeout(fail, WAIT_MS);
      this.#events.on('more', look).once('end', fail);
      look();
    });
  }
}

/** Runs the command to its end. */
export async function bricknfs(args: readonly string[], options?: Options): Promise<Ran> {
  const child = start(args, options);
  const stdout = new Output(child, 'stdout');
  const stderr = new Output(child, 'stderr');
  const timer = setTimeout(() => child.kill('SIGKILL'), WAIT_MS);
  const [code] = (await once(child, 'close')) as [number | null];
  clearTimeout(timer);
  return { code, stdout: stdout.text, stderr: stderr.text };
}

export interface Started {
  readonly child: ChildProcess;
  readonly stdout: Output;
  readonly stderr: Output;
  readonly exited: Promise<number | null>;
}

export interface Running extends Started {
  readonly host: string;
  readonly port: number;
}

/** Starts a command that serves until the test ends. */
function startServing(t: Test, args: readonly string[], options?: Options): Started {
  const node = [...(options?.node ?? NODE), ...(COVERAGE === undefined ? [] : ['--import', WHEN_KILLED])];
  const child = start(args, { ...options, node });
  const stdout = new Output(child, 'stdout');
  const stderr = new Output(child, 'stderr');
  const exited = once(child, 'close').then(([code]) => code as number | null);
  t.teardown(async () => {
    if (COVERAGE !== undefined) {
      writeFileSync(markerOf(child.pid!), '');
      if (child.kill('SIGWINCH')) await Promise.race([exited, sleep(COVERAGE_MS, undefined, { ref: false })]);
    }
    child.kill('SIGKILL');
    await exited;
  });
  return { child, stdout, stderr, exited };
}

/** Starts a server, and waits until it has said that it serves. It ends with the test. */
export async function serving(t: Test, args: readonly string[], options?: Options): Promise<Running> {
  const started = startServing(t, ['serve', ...args], options);
  const { stdout, stderr } = started;
  const ready = await stdout.until(/^bricknfs is serving on (.*):(\d+)$/m).catch((error: Error) => {
    throw new Error(`${error.message}\n${stderr.text}`, { cause: error });
  });
  return { ...started, host: ready[1]!, port: Number(ready[2]) };
}

/** Mounts in the foreground, and waits until the mount can be used. The process ends with the test. */
export async function mounting(t: Test, args: readonly string[], options?: Options): Promise<Started> {
  const started = startServing(t, ['mount', '-N', ...args], options);
  await started.stderr.until(/"msg":"mounted"/);
  return started;
}

/** Has a server or a mount write a state dump. Returns its path, which the next line of the log names. */
export async function dump({ child, stderr }: Started): Promise<string> {
  const before = stderr.text.length;
  child.kill('SIGUSR1');
  await stderr.until(new RegExp(`^[^]{${before}}.*"file":"([^"]*)","msg":"SIGUSR1: the state dump is in this file"`));
  return /"file":"([^"]*)","msg":"SIGUSR1/.exec(stderr.text.slice(before))![1]!;
}

/** Folders that exist for the length of a test. Their paths are short, because the path of a control socket must be. */
export function folders<const N extends string>(t: Test, ...names: N[]): Record<N, string> {
  const home = mkdtempSync(join(tmpdir(), 'bricknfs-'));
  t.teardown(() => rmSync(home, { recursive: true, force: true }));
  const made = names.map(name => {
    mkdirSync(join(home, name), { mode: 0o755 }); // A brick of this process sets the umask to 0.
    return [name, join(home, name)];
  });
  return Object.fromEntries(made) as Record<N, string>;
}
