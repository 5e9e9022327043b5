import type { Call } from '#src/rpcsvc/actor.ts';
import { isLoopback, parseIp } from '#src/rpc/ip.ts';
import type { Netid, PortTable } from '#src/rpc/port-table.ts';

/** The context of the built-in port mapper's actors. */
export interface PortmapCall {
  readonly call: Call;
  readonly table: PortTable;
}

/** Returns the netid of the transport over which a call came. */
export function netidOf({ peer }: Call): Netid {
  const family = parseIp(peer.address)?.family ?? 4;
  if (peer.transport === 'tcp') return family === 4 ? 'tcp' : 'tcp6';
  return family === 4 ? 'udp' : 'udp6';
}

/**
 * Whether to answer with a list. Over UDP an attacker can forge the sender's address, and the owner of that address
 * then receives the large answer. So over UDP only callers on this machine get lists. rpcinfo asks for them over TCP.
 */
export function mayList({ peer }: Call): boolean {
  if (peer.transport === 'tcp') return true;
  const ip = parseIp(peer.address);
  return ip !== undefined && isLoopback(ip);
}
