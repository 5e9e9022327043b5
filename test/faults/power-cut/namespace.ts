/**
 * The names below a worker's directory, each with the metadata that changes set, in one string that can be compared.
 */
import { lstatSync, readdirSync } from 'node:fs';

/** Type, file id and mode by path. */
export type Names = ReadonlyMap<string, string>;

/** Stands for the file id of an object whose creation was not answered, so that the id is not known yet. */
export const ANY = '*';

export const shown = (type: string, fileid: bigint | typeof ANY, mode: number): string =>
  `${type} ${fileid} ${type === 'l' ? '-' : mode.toString(8)}`;

const TYPES: Readonly<Record<number, string>> = { 0o100000: 'f', 0o040000: 'd', 0o120000: 'l' };

/** The names on the disk below `path`. */
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

/** A readable list of the differences. */
export function difference(found: Names, expected: Names): string {
  const lines: string[] = [];
  for (const [path, one] of expected) {
    if (!alike(found.get(path) ?? '- - -', one))
      lines.push(`${path}: ${found.get(path) ?? 'missing'}, expected ${one}`);
  }
  for (const path of found.keys()) if (!expected.has(path)) lines.push(`${path}: unexpected`);
  return lines.slice(0, 5).join('; ');
}
