import type { Call } from '#src/rpcsvc/actor.ts';
import { isLoopback, parseIp } from '#src/rpcsvc/ip.ts';
import type { Netid, PortTable } from '#src/rpcsvc/portmap/table.ts';

/** The context of the built-in port mapper's actors. */
export interface PortmapCall {
  readonly call: Call;
  readonly table: PortTable;
}

/** The transport that a call came by. */
export function netidOf({ peer }: Call): Netid {
  const family = parseIp(peer.address)?.family ?? 4;
  if (peer.transport === 'tcp') return family === 4 ? 'tcp' : 'tcp6';
  return family === 4 ? 'udp' : 'udp6';
}

/**
 * Whether to answer with a list. Over UDP anybody can send a small call in another's name, who then gets the large
 * answer: so lists go to this machine's own callers there, and to others over TCP only (as rpcinfo asks).
 */
export function mayList({ peer }: Call): boolean {
  if (peer.transport === 'tcp') return true;
  const ip = parseIp(peer.address);
  return ip !== undefined && isLoopback(ip);
}
