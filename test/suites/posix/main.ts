/**
 * The POSIX suite, by path, over any directory:
 *
 *     node test/suites/posix/main.ts DIR [options]
 *
 * Prints a line for each case that failed, and a summary. The exit code is 0 if no case failed, 1 if some did, 2 if the
 * options are wrong, and 3 if no case ran.
 */
import { fork } from 'node:child_process';
import { mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { chmod } from './support/calls.ts';
import type { Expect } from './exceptions.ts';
import { GROUPS } from './groups.ts';
import { Ledger } from './ledger.ts';
import { isRoot } from './support/people.ts';
import { linePrinter, tapPrinter } from './printers.ts';
import { type Result, Runner, type Settings } from './runner.ts';
import { stock } from './support/stock.ts';

const USAGE = `usage: main.ts DIR [options]
  --expect local|nfs|nfs-fallback|nfs-gluster  which exceptions hold (default local: none)
  --only PATTERN     run only cases whose id begins with PATTERN; * matches anything; may be repeated
  --jobs N           run N processes, each with its part of the cases (default 1)
  --other DIR        a directory of another file system, for EXDEV
  --read-only DIR    a directory of a file system that refuses changes, with a copy of what --stock makes in it
  --stock            make in DIR what the directory of --read-only must hold, and do nothing else
  --small DIR        a directory of a file system of at most 64 MiB, which will be filled, for ENOSPC
  --quota DIR        a directory with a quota of at most 64 MiB, which will be reached, for EDQUOT
  --strict           exit with 1 if any case was skipped
  --keep             do not remove what the cases made
  --verbose          print a line for each case
  --list             print the cases' ids and do nothing
  --tap              print TAP`;

const wrong = (what: string): never => {
  console.error(`${what}\n${USAGE}`);
  process.exit(2);
};

const parse = () =>
  parseArgs({
    allowPositionals: true,
    options: {
      expect: { type: 'string', default: 'local' },
      only: { type: 'string', multiple: true, default: [] },
      jobs: { type: 'string', default: '1' },
      other: { type: 'string' },
      'read-only': { type: 'string' },
      stock: { type: 'boolean', default: false },
      small: { type: 'string' },
      quota: { type: 'string' },
      strict: { type: 'boolean', default: false },
      keep: { type: 'boolean', default: false },
      verbose: { type: 'boolean', default: false },
      list: { type: 'boolean', default: false },
      tap: { type: 'boolean', default: false },
    },
  });
let parsed: ReturnType<typeof parse>;
try {
  parsed = parse();
} catch (error) {
  parsed = wrong((error as Error).message);
}
const { values, positionals } = parsed;

/** A test of ids for the patterns of `--only`. */
function chosen(patterns: readonly string[]): (id: string) => boolean {
  if (patterns.length === 0) return () => true;
  const tests = patterns.map(
    pattern => new RegExp(`^${pattern.replaceAll(/[.+?^${}()|[\]\\]/g, '\\$&').replaceAll('*', '.*')}`),
  );
  return id => tests.some(test => test.test(id));
}
const wanted = chosen(values.only);

function* results(settings: Settings): Iterable<Result> {
  process.umask(0);
  const runner = new Runner(settings);
  for (const group of GROUPS) yield* runner.run(group, wanted);
}

/** Runs a part of the cases in a process of its own, because ids, working directory and umask belong to a process. */
async function part(settings: Settings, take: (result: Result) => void): Promise<void> {
  const child = fork(import.meta.filename, process.argv.slice(2), {
    env: { ...process.env, [PART]: JSON.stringify(settings) },
  });
  child.on('message', (results: Result[]) => results.forEach(take));
  const [code, signal] = await new Promise<[number | null, string | null]>(resolve =>
    child.on('close', (...how) => resolve(how)),
  );
  if (code !== 0) take({ id: `a process of cases ended with ${code ?? signal}`, problems: ['not all cases have run'] });
}
const PART = 'BRICKNFS_POSIX_PART';
const BATCH = 50;

async function sendPart(settings: Settings): Promise<void> {
  const send = (batch: Result[]) => new Promise(resolve => process.send!(batch, resolve));
  let batch: Result[] = [];
  for (const result of results(settings)) {
    batch.push(result);
    if (batch.length < BATCH) continue;
    await send(batch);
    batch = [];
  }
  await send(batch);
  process.disconnect();
}

async function runAll(): Promise<number> {
  if (positionals.length !== 1) wrong('expected one directory');
  if (!['local', 'nfs', 'nfs-fallback', 'nfs-gluster'].includes(values.expect))
    wrong(`--expect ${values.expect}: expected local, nfs, nfs-fallback or nfs-gluster`);
  const jobs = Number(values.jobs);
  if (!(jobs >= 1 && jobs <= 64)) wrong(`--jobs ${values.jobs}: expected a number from 1 to 64`);

  const real = (path: string | undefined) => (path === undefined ? undefined : realpathSync(path));
  const dir = mkdtempSync(join(realpathSync(positionals[0]!), 'posix-'));
  chmod(dir, 0o755);
  const places = {
    other: real(values.other),
    readOnly: real(values['read-only']),
    small: real(values.small),
    quota: real(values.quota),
  };
  const ledger = new Ledger(values.expect as Expect, values.tap ? tapPrinter() : linePrinter(values.verbose));
  const take = (result: Result): void => ledger.take(result);
  if (!isRoot) ledger.note('not root: cases that need devices or other users are skipped');
  const settings = (index: number): Settings => ({ dir, places, keep: values.keep, part: [index, jobs] });
  if (jobs === 1) for (const result of results(settings(0))) take(result);
  else await Promise.all(Array.from({ length: jobs }, (_, index) => part(settings(index), take)));
  ledger.end();
  if (!values.keep) rmSync(dir, { recursive: true, force: true });
  if (ledger.failed > 0 || (values.strict && ledger.skipped > 0)) return 1;
  return ledger.ran === 0 ? 3 : 0;
}

const settings = process.env[PART];
if (values.list) {
  for (const group of GROUPS) {
    for (const one of group.cases()) {
      const id = `${group.name}/${one.name}`;
      if (wanted(id)) console.log(one.except === undefined ? id : `${id} [${one.except}]`);
    }
  }
} else if (values.stock) stock(realpathSync(positionals[0] ?? wrong('expected one directory')));
else if (settings !== undefined) await sendPart(JSON.parse(settings) as Settings);
else process.exitCode = await runAll();
