/** Decides whether an address can use any export, as far as that is known when it connects. */
import type { Export } from './exports.ts';

/** Whether any export is open to `address`, or may prove to be: host names in lists are looked up later. */
export function admits(exports: readonly Export[], address: string): boolean {
  return exports.some(({ rules: { allow, rejects }, hosts }) => {
    if (rejects.some(({ value }) => value.match(address).allowed)) return false;
    return !allow.value.excludes(address) && hosts.value?.excludes(address) !== true;
  });
}
