import type { Export } from './exports.ts';

/**
 * Who may mount an export, as EXPORT says it: the words of the list that decides, or none for everybody, as mountd has
 * it. `undefined` when no host may: the export is not listed then, since clients that mount all that is listed would try.
 */
export function exportGroups({ rules, hosts }: Export): readonly string[] | undefined {
  if (rules.rejects.some(({ value }) => value.everyone)) return undefined;
  const lists = [rules.allow.value, hosts.value].filter(list => list !== undefined);
  if (lists.some(({ nobody }) => nobody)) return undefined;
  // Of two lists that both limit, the directory's own says more.
  return lists.findLast(({ everyone }) => !everyone)?.words ?? [];
}
