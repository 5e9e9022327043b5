/** Whether an address can have any business here, as far as that can be said when it connects. */
import type { Export } from './exports.ts';

/** Whether some export is for `address`, or may turn out to be: lists of host names are looked up later. */
export function admits(exports: readonly Export[], address: string): boolean {
  return exports.some(({ rules: { allow, rejects }, hosts }) => {
    if (rejects.some(({ value }) => value.match(address).allowed)) return false;
    return !allow.value.excludes(address) && hosts.value?.excludes(address) !== true;
  });
}
