/**
 * Files that break a rule and have not been mended yet. The list may only shrink: with `UNTIDY=write` in the environment
 * a test writes it anew.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const LIST = join(import.meta.dirname, 'offenders.json');
type Offenders = Record<string, string[]>;

/** Returns one line for each offence in a file that is not in the list. `found` has the offences of each file. */
export function newOffences(rule: string, found: ReadonlyMap<string, readonly string[]>): string[] {
  const list = JSON.parse(readFileSync(LIST, 'utf8')) as Offenders;
  if (process.env['UNTIDY'] === 'write') {
    list[rule] = [...found.keys()].sort();
    if (list[rule].length === 0) delete list[rule];
    writeFileSync(LIST, `${JSON.stringify(list, undefined, 2)}\n`);
  }
  const all = [...found].filter(([file]) => process.env['UNTIDY'] === 'all' || !list[rule]?.includes(file));
  return all.flatMap(([file, offences]) => offences.map(offence => `${file}: ${offence}`));
}
