/** The names below a worker's directory, each with what a change of metadata makes of it: compared as one. */
import { lstatSync, readdirSync } from 'node:fs';

/** By path: type, file id and mode. */
export type Names = ReadonlyMap<string, string>;

/** Of what is asked for and not answered: the file id is not known yet. */
export const ANY = '*';

export const shown = (type: string, fileid: bigint | typeof ANY, mode: number): string =>
  `${type} ${fileid} ${type === 'l' ? '-' : mode.toString(8)}`;

const TYPES: Readonly<Record<number, string>> = { 0o100000: 'f', 0o040000: 'd', 0o120000: 'l' };

/** As the disk has it. */
export function namesOn(path: string, below = ''): Map<string, string> {
  const names = new Map<string, string>();
  for (const name of readdirSync(path)) {
    const { mode, ino } = lstatSync(`${path}/${name}`, { bigint: true });
    const type = TYPES[Number(mode) & 0o170000] ?? '?';
    names.set(`${below}${name}`, shown(type, ino, Number(mode) & 0o7777));
    if (type !== 'd') continue;
    for (const [inner, one] of namesOn(`${path}/${name}`, `${below}${name}/`)) names.set(inner, one);
  }
  return names;
}

export function sameNames(found: Names, expected: Names): boolean {
  if (found.size !== expected.size) return false;
  for (const [path, one] of expected) {
    const other = found.get(path);
    if (other === undefined || !alike(other, one)) return false;
  }
  return true;
}

function alike(found: string, expected: string): boolean {
  if (!expected.includes(ANY)) return found === expected;
  const [type, , mode] = expected.split(' ');
  const [foundType, , foundMode] = found.split(' ');
  return type === foundType && mode === foundMode;
}

/** What of one is not in the other, to be read. */
export function difference(found: Names, expected: Names): string {
  const lines: string[] = [];
  for (const [path, one] of expected) {
    if (!alike(found.get(path) ?? '- - -', one)) lines.push(`${path}: ${found.get(path) ?? 'nothing'}, not ${one}`);
  }
  for (const path of found.keys()) if (!expected.has(path)) lines.push(`${path}: there`);
  return lines.slice(0, 5).join('; ');
}
