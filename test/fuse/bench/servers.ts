/** The servers that are compared: `bricknfs mount`, and examples of libfuse that pass a directory through as it does. */
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, globSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Test } from 'tap';
import { mounting } from '../../cli/harness.ts';
import { TIMEOUT_SECONDS } from './rows.ts';

/** The examples are built once. */
const BUILT = resolve(import.meta.dirname, '../../../node_modules/.cache/libfuse-examples');
const START_MAX_MS = 20_000;
/** Words of sh that allow as many descriptors as they can. The examples keep one of each object that the kernel knows. */
const RAISE_LIMIT = 'ulimit -n 200000 2>/dev/null || ulimit -n $(ulimit -H -n)';

/** How an example is built and started. It is called with a source and a mountpoint. */
interface Example {
  readonly file: string;
  readonly compiler: readonly string[];
  /** What is changed in the text of the example, since no option does. */
  readonly edits?: readonly (readonly [from: string, to: string])[];
  readonly args: (source: string, mountpoint: string) => readonly string[];
}

const lowLevel = (...more: string[]): Example => ({
  file: 'passthrough_ll.c',
  compiler: ['gcc'],
  args: (source, mountpoint) => {
    const options = `source=${source},timeout=${TIMEOUT_SECONDS}.0,cache=auto,default_permissions`;
    return ['-f', ...more, '-o', options, mountpoint];
  },
});

const EXAMPLES = {
  libfuse: lowLevel(),
  'libfuse-single': lowLevel('-s'),
  'libfuse-hp': {
    file: 'passthrough_hp.cc',
    compiler: ['g++', '-DHAVE_SETXATTR', '-DHAVE_UTIMENSAT', '-DHAVE_POSIX_FALLOCATE'],
    // It would have the kernel keep everything for a day, writes included.
    edits: [
      ['86400.0', `${TIMEOUT_SECONDS}.0`],
      ['if (fs.timeout && conn->capable & FUSE_CAP_WRITEBACK_CACHE)', 'if (false)'],
      ['if(fs.timeout) {', 'if (false) {'],
      ['fi->keep_cache = (fs.timeout != 0);', ''],
    ],
    args: (source, mountpoint) => ['--foreground', source, mountpoint],
  },
} satisfies Record<string, Example>;

export type Contender = 'bricknfs' | keyof typeof EXAMPLES;
export const CONTENDERS = ['bricknfs', ...(Object.keys(EXAMPLES) as (keyof typeof EXAMPLES)[])] as const;

export interface Server {
  readonly pid: number;
  readonly mountpoint: string;
  /** Unmounts, and waits for the end of the process. */
  stop(): Promise<void>;
}

/** How many descriptors a server may have. */
export const descriptorsMax = (): number =>
  Number(execFileSync('sh', ['-c', `${RAISE_LIMIT}; ulimit -n`], { encoding: 'utf8' }));

const programOf = ({ file }: Example): string => join(BUILT, file.replace(/\..*/, ''));

/** Fetches the source of libfuse of this Debian, and compiles the examples that are wanted and not there yet. */
export function buildExamples(contenders: readonly Contender[]): void {
  for (const name of contenders) {
    if (name === 'bricknfs') continue;
    const example: Example = EXAMPLES[name];
    if (existsSync(programOf(example))) continue;
    mkdirSync(BUILT, { recursive: true });
    const fetched = () => globSync(join(BUILT, 'fuse3_*.orig.tar.*')).filter(file => !file.endsWith('.asc'))[0];
    // It may fail in the end, for want of a file that is not needed here.
    if (fetched() === undefined) attempt('apt-get', 'source', '--download-only', 'fuse3');
    const archive = fetched();
    if (archive === undefined)
      throw new Error(`expected the source of Debian's package fuse3 in ${BUILT}: see deb-src`);
    const wanted = ['*/example/passthrough*', '*/example/cxxopts.hpp'];
    execFileSync('tar', ['-xf', archive, '-C', BUILT, '--strip-components=2', '--wildcards', ...wanted]);
    compile(example);
  }
}

function attempt(command: string, ...args: string[]): void {
  try {
    execFileSync(command, args, { cwd: BUILT, stdio: ['ignore', 'ignore', 'inherit'] });
  } catch {
    // What should be there is looked for.
  }
}

function compile(example: Example): void {
  const { file, compiler, edits = [] } = example;
  const path = join(BUILT, file);
  let text = readFileSync(path, 'utf8');
  for (const [from, to] of edits) {
    if (text.split(from).length !== 2) throw new Error(`expected \`${from}\` once in ${path}`);
    text = text.replace(from, to);
  }
  writeFileSync(path, text);
  const flags = execFileSync('pkg-config', ['--cflags', '--libs', 'fuse3'], { encoding: 'utf8' }).trim().split(/\s+/);
  const [command, ...options] = compiler;
  execFileSync(command!, ['-O2', ...options, '-o', programOf(example), path, ...flags], { stdio: 'inherit' });
}

/** Mounts `source` on a new directory in `home`. */
export async function start(t: Test, name: Contender, source: string, home: string): Promise<Server> {
  const mountpoint = join(home, 'mount');
  mkdirSync(mountpoint, { recursive: true });
  t.teardown(() => spawnSync('umount', ['-l', mountpoint])); // nothing is mounted any more, unless a row has failed
  const { pid, exited } =
    name === 'bricknfs'
      ? await startBricknfs(t, source, mountpoint, home)
      : await startExample(t, EXAMPLES[name], source, mountpoint);
  return {
    pid,
    mountpoint,
    async stop() {
      execFileSync('umount', [mountpoint]);
      await exited;
    },
  };
}

interface Started {
  readonly pid: number;
  readonly exited: Promise<unknown>;
}

async function startBricknfs(t: Test, source: string, mountpoint: string, home: string): Promise<Started> {
  const timeouts = `attribute-timeout=${TIMEOUT_SECONDS},entry-timeout=${TIMEOUT_SECONDS}`;
  const words = ['--state-dir', join(home, 'state'), '-o', timeouts];
  const { child, exited } = await mounting(t, [...words, source, mountpoint]);
  return { pid: child.pid!, exited };
}

async function startExample(t: Test, example: Example, source: string, mountpoint: string): Promise<Started> {
  const before = statSync(mountpoint).dev;
  const command = [programOf(example), ...example.args(source, mountpoint)];
  const child = spawn('sh', ['-c', `${RAISE_LIMIT}; exec "$@"`, 'sh', ...command], {
    stdio: 'inherit',
  });
  t.teardown(() => child.kill('SIGKILL'));
  const exited = once(child, 'close');
  for (const until = performance.now() + START_MAX_MS; statSync(mountpoint).dev === before; await sleep(20)) {
    if (child.exitCode !== null || performance.now() > until) throw new Error(`${command.join(' ')} mounts nothing`);
  }
  return { pid: child.pid!, exited };
}
