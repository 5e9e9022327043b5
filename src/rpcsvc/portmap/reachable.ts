/** By which of this machine's addresses a caller reaches a program that listens on all of them. */
import { networkInterfaces } from 'node:os';
import { formatIp, type Ip, isLoopback, isWildcard, maskWords, parseIp, sameUnder } from '../ip.ts';
import { decodeUaddr, encodeUaddr } from './uaddr.ts';
import type { PortEntry } from './table.ts';

/** An address of this machine, and how many of its bits are the network's. */
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
 * The universal address to answer with. `hint` is the universal address by which the caller says it reached this machine
 * (r_addr, RFC 1833, 2.2.1): through a port forwarding, that one alone leads here. Whoever lies misleads only himself.
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
