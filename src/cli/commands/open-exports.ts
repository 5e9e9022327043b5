/** Warns about exports that may be open further than intended: to every host, with root not squashed. */
import { isLoopback, parseIp } from '../../rpc/ip.ts';
import { fromWire } from '../../wire-text.ts';
import type { Export } from '../../xlators/nfs/server/exports/exports.ts';

export interface Listening {
  /** The address that the server listens on. A host name counts as one that other hosts can reach. */
  readonly address: string;
  /** Whether the server can act as its callers. If it cannot, all of them act as its own user. */
  readonly toldApart: boolean;
  readonly uid: number;
  /** Whether the exports come from flags, so that the advice names flags; otherwise they come from a volfile. */
  readonly byFlags: boolean;
}

/** How many exports are named; further ones are only counted. */
const SHOWN_MAX = 3;

/** Returns one line with the open exports and what to add; `undefined` if none is open. */
export function openWarning(exports: readonly Export[], listening: Listening): string | undefined {
  const ip = parseIp(listening.address);
  if (ip && isLoopback(ip)) return undefined;
  const open = exports.filter(on => isForEveryone(on) && (!listening.toldApart || hasRoot(on)));
  if (open.length === 0) return undefined;
  const shown = open.slice(0, SHOWN_MAX).map(({ paths }) => fromWire(paths[0]!));
  const more = open.length > SHOWN_MAX ? ` and ${open.length - SHOWN_MAX} more` : '';
  const { toldApart, uid, byFlags } = listening;
  const allow = byFlags ? '--allow NETWORK' : 'rpc-auth.addr.allow NETWORK';
  const squash = byFlags ? '--squash root' : 'nfs3.VOLUME.squash root';
  const as = toldApart ? 'as root' : `as uid ${uid}, the server's own user`;
  const add = toldApart ? `${allow} and ${squash}` : allow;
  return `Warning: every host that reaches this server may use ${shown.join(', ')}${more} ${as}; add ${add}`;
}

/** Whether a caller can act as root: root is not squashed, or the anonymous user is root. */
function hasRoot({ rules }: Export): boolean {
  return rules.squash.value === 'none' || rules.anonUid === 0;
}

function isForEveryone({ hosts, rules }: Export): boolean {
  const lists = [rules.allow.value, hosts.value];
  return lists.every(list => list?.everyone ?? true) && !rules.rejects.some(({ value }) => value.everyone);
}
