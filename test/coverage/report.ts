/**
 * Prints which part of the lines the unit tests ran, from what Node.js wrote into a directory: `node report.ts DIRECTORY`.
 * Fails if a file is below the least part, or below what README.md of this folder notes and explains for it.
 */
import { globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { linesThatRan, type Lines } from './merge.ts';

const ROOT = join(import.meta.dirname, '../..');
/** Of the lines of a file; a file with fewer must be explained. */
const LEAST_PERCENT = 90;
const NUMBERS_SHOWN_MAX = 12;

interface Sum {
  readonly ran: number;
  readonly all: number;
}

const sumOf = (lines: Lines): Sum => ({ ran: [...lines.values()].filter(Boolean).length, all: lines.size });
const add = (a: Sum, b: Sum): Sum => ({ ran: a.ran + b.ran, all: a.all + b.all });
const percent = ({ ran, all }: Sum): number => (all === 0 ? 100 : (100 * ran) / all);
const shown = (sum: Sum): string => `${percent(sum).toFixed(1).padStart(6)} %`;

/** The least percentage of each file in README.md's table, which also says why it is so low. */
function explained(): Map<string, number> {
  const table = readFileSync(join(import.meta.dirname, 'README.md'), 'utf8');
  const rows = table.matchAll(/^\| (\S+\.ts) +\| +(\d+) +\| +\S.*\|$/gm);
  return new Map([...rows].map(([, file, least]) => [file!, Number(least)]));
}

/** The numbers of the lines that did not run, as ranges. */
function missing(lines: Lines): string {
  const ranges: { from: number; to: number }[] = [];
  let last: { from: number; to: number } | undefined;
  for (const [line, ran] of lines) {
    if (ran) last = undefined;
    else if (last) last.to = line;
    else ranges.push((last = { from: line, to: line }));
  }
  const texts = ranges.map(({ from, to }) => (from === to ? `${from}` : `${from}-${to}`));
  const more = texts.length > NUMBERS_SHOWN_MAX ? ', …' : '';
  return texts.slice(0, NUMBERS_SHOWN_MAX).join(', ') + more;
}

function report(directory: string): string[] {
  const files = globSync(['src/**/*.ts', 'actors/**/*.ts', 'protocols/**/*.ts'], { cwd: ROOT }).sort();
  const found = linesThatRan(ROOT, directory, files);
  const folders = Map.groupBy(files, file => dirname(file));
  let total: Sum = { ran: 0, all: 0 };
  process.stdout.write('lines that ran, by folder\n');
  for (const [folder, members] of folders) {
    const sum = members.map(file => sumOf(found.get(file)!)).reduce(add);
    total = add(total, sum);
    process.stdout.write(`${shown(sum)}  ${folder}\n`);
  }
  process.stdout.write(`${shown(total)}  all\n\nfiles below ${LEAST_PERCENT} %\n`);
  const notes = explained();
  const wrong: string[] = [];
  for (const file of files) {
    const lines = found.get(file)!;
    const part = percent(sumOf(lines));
    const least = notes.get(file) ?? LEAST_PERCENT;
    if (part < LEAST_PERCENT) process.stdout.write(`${shown(sumOf(lines))}  ${file}: not ${missing(lines)}\n`);
    if (part < least) wrong.push(`${file}: expected at least ${least} %, found ${part.toFixed(1)} %`);
    notes.delete(file);
  }
  for (const file of notes.keys()) wrong.push(`${file}: it is explained, and there is no such file`);
  return wrong;
}

const [directory] = process.argv.slice(2);
if (directory === undefined) throw new Error('expected a directory: node test/coverage/report.ts DIRECTORY');
const wrong = report(directory);
if (wrong.length > 0) {
  process.stdout.write(
    `\ntest/coverage/README.md explains files with little coverage; against it:\n${wrong.join('\n')}\n`,
  );
  process.exitCode = 1;
}
