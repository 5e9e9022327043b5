import type { Export } from './exports.ts';

/**
 * Returns the groups of an export for the reply of EXPORT: the words of the list of hosts that decides, or no words if
 * every host may mount it, as mountd does. `undefined` if no host may mount it: it is then not listed, since clients
 * that mount everything in the list would try.
 */
export function exportGroups({ rules, hosts }: Export): readonly string[] | undefined {
  if (rules.rejects.some(({ value }) => value.everyone)) return undefined;
  const lists = [rules.allow.value, hosts.value].filter(list => list !== undefined);
  if (lists.some(({ nobody }) => nobody)) return undefined;
  // If both lists limit access, the directory's own is the more specific one.
  return lists.findLast(({ everyone }) => !everyone)?.words ?? [];
}
