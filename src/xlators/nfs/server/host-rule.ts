/** One word of a list of hosts, made out: what it matches. */
import { type Ip, maskWords, parseIp, sameUnder } from '../../../rpcsvc/ip.ts';
import type { HostNames } from './host-names.ts';

export type HostRule =
  | { readonly kind: 'any'; readonly text: string }
  | { readonly kind: 'network'; readonly text: string; readonly net: Ip; readonly masks: readonly number[] }
  /** A pattern of addresses in text form: `192.168.*`. */
  | { readonly kind: 'addresses'; readonly text: string; readonly pattern: RegExp }
  | { readonly kind: 'name'; readonly text: string; readonly name: string }
  /** A pattern of names: `*.example.org`. */
  | { readonly kind: 'names'; readonly text: string; readonly pattern: RegExp };

/** For error messages. */
export const HOST_EXPECTED =
  'an address (10.0.0.1, fd00::1), a network (10.0.0.0/8), a pattern (192.168.*, *.example.org), a host name or *';

const NAME = /^(?=.{1,253}$)[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*\.?$/;

/** `undefined` when `text` is none of {@link HOST_EXPECTED}. */
export function parseHostRule(text: string): HostRule | undefined {
  const word = text.toLowerCase();
  if (word === '*' || word === 'all') return { kind: 'any', text };
  if (word.includes('/')) return parseNetwork(text);
  const ip = parseIp(word);
  if (ip) return { kind: 'network', text, net: ip, masks: maskWords(ip.family, 128) };
  if (/[*?]/.test(word)) {
    if (/^[0-9.*?]+$/.test(word) || /^(?=.*:)[0-9a-f:.*?]+$/.test(word)) {
      return { kind: 'addresses', text, pattern: patternOf(word) };
    }
    return /^[a-z0-9_.*?-]+$/.test(word) ? { kind: 'names', text, pattern: patternOf(word) } : undefined;
  }
  // All of digits and dots is a mistyped address, not a name.
  if (!NAME.test(word) || /^[0-9.]+$/.test(word)) return undefined;
  return { kind: 'name', text, name: word.replace(/\.$/, '') };
}

/** `10.0.0.0/8`, `10.0.0.0/255.0.0.0`, `fd00::/8`. */
function parseNetwork(text: string): HostRule | undefined {
  const slash = text.indexOf('/');
  const net = parseIp(text.slice(0, slash));
  const bits = text.slice(slash + 1);
  if (!net) return undefined;
  // Written as IPv4-mapped, so its prefix counts the 96 bits before.
  const mapped = net.family === 4 && text.slice(0, slash).includes(':') ? 96 : 0;
  if (/^\d{1,3}$/.test(bits)) {
    const prefix = Number(bits) - mapped;
    if (prefix < 0 || prefix > (net.family === 4 ? 32 : 128)) return undefined;
    return { kind: 'network', text, net, masks: maskWords(net.family, prefix) };
  }
  const mask = parseIp(bits);
  if (net.family !== 4 || mask?.family !== 4 || mapped > 0) return undefined;
  const host = ~mask.words[0]! >>> 0;
  return (host & (host + 1)) === 0 ? { kind: 'network', text, net, masks: mask.words } : undefined;
}

const patternOf = (word: string) =>
  new RegExp(`^${word.replaceAll('.', '\\.').replaceAll('?', '.').replace(/\*+/g, '.*')}$`);

export interface Matched {
  readonly matches: boolean;
  /** Why a rule of names may yet match: what cannot be said of it now. */
  readonly unknown?: string;
}

const YES: Matched = { matches: true };
const NO: Matched = { matches: false };

/** Whether the rule is for `ip`, whose text form is `address`. */
export function matchHost(rule: HostRule, ip: Ip, address: string, names: HostNames): Matched {
  switch (rule.kind) {
    case 'any':
      return YES;
    case 'network':
      return rule.net.family === ip.family && sameUnder(rule.masks, rule.net.words, ip.words) ? YES : NO;
    case 'addresses':
      return rule.pattern.test(address) ? YES : NO;
    case 'name': {
      const { found, reason } = names.addressesOf(rule.name);
      if (found.has(address)) return YES;
      return found.size > 0 ? NO : { matches: false, unknown: `${rule.text} ${reason}` };
    }
    case 'names': {
      const { found, reason } = names.namesOf(address);
      for (const name of found) if (rule.pattern.test(name)) return YES;
      return found.size > 0 ? NO : { matches: false, unknown: `${address} ${reason}` };
    }
  }
}
