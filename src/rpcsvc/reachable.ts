/** Chooses the address of this machine by which a caller can reach a program that listens on all addresses. */
import { networkInterfaces } from 'node:os';
import { formatIp, type Ip, isLoopback, isWildcard, maskWords, parseIp, sameUnder } from '../rpc/ip.ts';
import { decodeUaddr, encodeUaddr } from '../rpc/uaddr.ts';
import type { PortEntry } from '../rpc/port-table.ts';

/** An address of this machine and the length of its network prefix in bits. */
export interface OwnAddress {
  readonly ip: Ip;
  readonly prefix: number;
}

export function ownAddresses(): OwnAddress[] {
  const found: OwnAddress[] = [];
  for (const addresses of Object.values(networkInterfaces())) {
    for (const { address, cidr } of addresses ?? []) {
      const ip = parseIp(address);
      if (ip && cidr) found.push({ ip, prefix: Number(cidr.slice(cidr.indexOf('/') + 1)) });
    }
  }
  return found;
}

/**
 * The universal address to answer with. `hint` is the universal address by which the caller says it reached this
 * machine (r_addr, RFC 1833, 2.2.1): behind a port forwarding only that address leads here. A caller that gives a false
 * one misleads only itself.
 */
export function reachableUaddr(entry: PortEntry, peer: string, hint: string, own = ownAddresses): string {
  const { port } = entry;
  const listens = parseIp(entry.address);
  if (!listens || !isWildcard(listens)) return encodeUaddr({ host: entry.address, port });

  const hinted = parseIp(decodeUaddr(hint)?.host ?? '');
  if (hinted?.family === listens.family && !isWildcard(hinted)) return encodeUaddr({ host: formatIp(hinted), port });

  const caller = parseIp(peer);
  const candidates = own().filter(({ ip }) => ip.family === listens.family);
  const near = candidates.find(
    ({ ip, prefix }) => caller?.family === ip.family && sameUnder(maskWords(ip.family, prefix), caller.words, ip.words),
  );
  const chosen = near ?? candidates.find(({ ip }) => !isLoopback(ip)) ?? candidates[0];
  return encodeUaddr({ host: chosen ? formatIp(chosen.ip) : entry.address, port });
}
