/** What is measured on a mount. */
import { execFile } from 'node:child_process';
import { globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';

const run = promisify(execFile);
const KiB = 1024;
const MiB = KiB * KiB;
const THREADS = 4;
/** All of them together are in the page cache. */
const DATA_BYTES = 32 * MiB;
const SMALL_BYTES = 4 * KiB;
const SMALL_DIRS = 20;
const SMALL_FILES = 2000;
const UNTAR = 'untar-';
/** How often an archive is unpacked, since the processor time of one is some 20 steps of its clock only. */
const UNTARS = { warmUp: 2, measured: 3 };
/** The directories that are listed to warm up, and to measure. */
const LISTED = { warmUp: 'listed-before', measured: 'listed' };
const LISTED_BEFORE_FILES = 2000;
/** How many files a server knows of at most besides those in the directory that is listed, with some to spare. */
export const OTHER_FILES_MAX = 8000;
/** How long the timeouts of all servers last. */
export const TIMEOUT_SECONDS = 1;

/** Where a row happens. */
export interface Place {
  readonly mount: string;
  /** The folder of the benchmark's own files. */
  readonly home: string;
  /** How long the rows take that have no end of their own. */
  readonly seconds: number;
  /** How many files are in the directory that is listed. */
  readonly files: number;
  /** The directories that were listed through this mount. */
  readonly listed: Set<string>;
}

export interface Done {
  readonly operations: number;
  readonly seconds: number;
  /** The processor time of the programs that make the load, in µs. */
  readonly ownUs: number;
}

type Phase = 'warmUp' | 'measured';

export interface Row {
  readonly name: string;
  /** How many requests there must be for each operation. */
  readonly requestsMin: number;
  /** How long what follows the last answers belongs to the row, such as the release of files. */
  readonly settleMs?: number;
  /** Makes what both phases need. */
  prepare?(place: Place): Promise<void>;
  run(place: Place, phase: Phase): Promise<Done>;
  /** Removes what `run` has made, through the mount. */
  cleanUp?(place: Place): void;
}

const WARM_UP_SECONDS = 2;

export const ROWS: readonly Row[] = [
  timed('getattr', 'getattr', 1, 0),
  timed('getattr ×4', 'getattr', THREADS, 0),
  timed('read 4K', 'read', 1, 4 * KiB),
  timed('read 4K ×4', 'read', THREADS, 4 * KiB),
  timed('read 128K', 'read', 1, 128 * KiB),
  timed('write 128K', 'write', 1, 128 * KiB),
  // bricknfs closes a file two or three seconds after it was used last, and makes it durable before.
  { name: 'untar', requestsMin: 1, settleMs: 3500, run: untar, cleanUp: removeUntarred },
  { name: 'ls -l', requestsMin: 0, run: list },
  { name: 'ls -l again', requestsMin: 0, prepare: listBefore, run: list },
];

const loadOf = (home: string): string => join(home, 'load');

/** Compiles the program that makes the load. */
export async function buildLoad(home: string): Promise<void> {
  await run('gcc', ['-O2', '-pthread', '-o', loadOf(home), join(import.meta.dirname, 'load.c')]);
}

/** Makes what the rows work on: in a directory of the disk, and in the folder of the benchmark. */
export async function makeFiles(dir: string, home: string, listedFiles: number): Promise<void> {
  for (let i = 0; i < THREADS; i++) writeFileSync(join(dir, `data-${i}`), Buffer.alloc(DATA_BYTES, 'random enough '));
  for (const phase of ['warmUp', 'measured'] as const) {
    mkdirSync(join(dir, LISTED[phase]));
    for (let i = 0; i < filesIn(phase, listedFiles); i++) writeFileSync(join(dir, LISTED[phase], `an-entry-${i}`), 'x');
  }
  const small = mkdtempSync(join(home, 'small-'));
  for (let i = 0; i < SMALL_FILES; i++) {
    const of = join(small, `folder-${i % SMALL_DIRS}`);
    mkdirSync(of, { recursive: true });
    writeFileSync(join(of, `file-${i}`), Buffer.alloc(SMALL_BYTES, 'small '));
  }
  await run('tar', ['-cf', join(home, 'small.tar'), '-C', small, '.']);
}

const filesIn = (phase: Phase, listedFiles: number): number => (phase === 'warmUp' ? LISTED_BEFORE_FILES : listedFiles);

/** Has the kernel keep in memory what is read. */
export function warmFiles(dir: string): void {
  for (let i = 0; i < THREADS; i++) readFileSync(join(dir, `data-${i}`));
}

/** Calls of one kind from `threads` threads, each of which has a file of its own and one call under way. */
function timed(name: string, what: string, threads: number, bytes: number): Row {
  return {
    name,
    requestsMin: 0.99,
    run: ({ mount, home, seconds }, phase) =>
      load(home, what, `${phase === 'warmUp' ? WARM_UP_SECONDS : seconds}`, `${threads}`, `${bytes}`, mount),
  };
}

async function load(home: string, ...words: string[]): Promise<Done> {
  const { stdout } = await run(loadOf(home), words);
  const [operations, seconds, ownUs] = stdout.split(' ').map(Number);
  return { operations: operations!, seconds: seconds!, ownUs: ownUs! };
}

/** Unpacks many small files as root does, who gives them their owners, modes and times. */
async function untar({ mount, home }: Place, phase: Phase): Promise<Done> {
  const all: Done[] = [];
  for (let i = 0; i < UNTARS[phase]; i++) {
    const dir = mkdtempSync(join(mount, UNTAR));
    all.push(await load(home, 'run', '/dev/null', 'tar', '-xf', join(home, 'small.tar'), '-C', dir));
  }
  const sum = (name: 'seconds' | 'ownUs') => all.reduce((total, one) => total + one[name], 0);
  return { operations: SMALL_FILES * all.length, seconds: sum('seconds'), ownUs: sum('ownUs') };
}

function removeUntarred({ mount }: Place): void {
  for (const dir of globSync(join(mount, `${UNTAR}*`))) rmSync(dir, { recursive: true });
}

/** Lists a directory with the attributes of its entries. */
async function list({ mount, home, files: listedFiles, listed }: Place, phase: Phase): Promise<Done> {
  const name = LISTED[phase];
  const files = filesIn(phase, listedFiles);
  const output = join(home, 'listing');
  const done = await load(home, 'run', output, 'ls', '-l', join(mount, name));
  const count = readFileSync(output, 'latin1').split('\n').length - 2;
  if (count !== files) throw new Error(`listed ${count} files of ${files}`);
  listed.add(name);
  return { ...done, operations: files };
}

/** Sees to it that the kernel knows both directories, and that it has to ask again. */
async function listBefore(place: Place): Promise<void> {
  for (const phase of ['warmUp', 'measured'] as const) {
    if (!place.listed.has(LISTED[phase])) await list(place, phase);
  }
  await sleep(TIMEOUT_SECONDS * 1500);
}
