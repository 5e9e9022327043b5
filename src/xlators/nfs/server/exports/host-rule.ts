/** Parses the words of a list of hosts, and decides which hosts they match. */
import { type Ip, maskWords, parseIp, sameUnder } from '../../../../rpc/ip.ts';
import type { HostNames } from './host-names.ts';

export type HostRule =
  | { readonly kind: 'any'; readonly text: string }
  | { readonly kind: 'network'; readonly text: string; readonly net: Ip; readonly masks: readonly number[] }
  /** A pattern of addresses in text form: `192.168.*`. */
  | { readonly kind: 'addresses'; readonly text: string; readonly pattern: RegExp }
  | { readonly kind: 'name'; readonly text: string; readonly name: string }
  /** A pattern of names: `*.example.org`. */
  | { readonly kind: 'names'; readonly text: string; readonly pattern: RegExp };

/** A host name in lower case (RFC 1123, 2.1), also with underscores, and with a dot at its end. */
const NAME = /^(?=.{1,253}$)[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*\.?$/;
/**
 * Words that look like host names and are refused, since a list that contains one means yes, no, all or none by it.
 */
const NO_NAMES: ReadonlySet<string> = new Set('none on off yes no true false enable disable any everyone'.split(' '));

/** Parses a word of a list; `undefined` if it is not an address, a network, a pattern or a host name. */
export function parseHostRule(text: string): HostRule | undefined {
  const word = text.toLowerCase();
  if (word === '*' || word === 'all') return { kind: 'any', text };
  // The zone of an address (fe80::1%eth0) is a network interface of this machine, which identifies no client.
  if (word.includes('%')) return undefined;
  if (word.includes('/')) return parseNetwork(text);
  const ip = parseIp(word);
  if (ip) return { kind: 'network', text, net: ip, masks: maskWords(ip.family, 128) };
  if (/[*?]/.test(word)) {
    if (/^[0-9.*?]+$/.test(word)) return parseIpv4Pattern(text);
    if (word.includes(':')) return parseIpv6Pattern(text);
    const parts = word.split('.');
    const names = /^[a-z0-9_.*?-]+$/.test(word) && parts.every(part => part !== '');
    return names ? { kind: 'names', text, pattern: patternOf(word) } : undefined;
  }
  // A word of digits, dots and dashes only is a mistyped address or a range, not a name.
  if (!NAME.test(word) || /^[0-9.-]+$/.test(word) || NO_NAMES.has(word)) return undefined;
  return { kind: 'name', text, name: word.replace(/\.$/, '') };
}

/** Parses `10.0.0.0/8`, `10.0.0.0/255.0.0.0` or `fd00::/8`. The bits after the prefix must be 0. */
function parseNetwork(text: string): HostRule | undefined {
  const slash = text.indexOf('/');
  const net = parseIp(text.slice(0, slash));
  const masks = net && masksOf(net, text.slice(0, slash).includes(':'), text.slice(slash + 1));
  if (!net || !masks) return undefined;
  return net.words.every((word, i) => (word & ~masks[i]!) === 0) ? { kind: 'network', text, net, masks } : undefined;
}

/**
 * Returns the masks of a prefix or netmask; `undefined` if it is none. `colons` says whether the address before it was
 * written in the form of IPv6.
 */
export function masksOf({ family }: Ip, colons: boolean, bits: string): readonly number[] | undefined {
  // In ::ffff:10.0.0.0/104, an IPv4-mapped network, the prefix counts the 96 bits before the IPv4 address as well.
  const mapped = family === 4 && colons ? 96 : 0;
  if (/^\d{1,3}$/.test(bits)) {
    const prefix = Number(bits) - mapped;
    return prefix < 0 || prefix > (family === 4 ? 32 : 128) ? undefined : maskWords(family, prefix);
  }
  const mask = parseIp(bits);
  if (family !== 4 || mask?.family !== 4 || mapped > 0) return undefined;
  const host = ~mask.words[0]! >>> 0;
  // A netmask is ones followed by zeros only.
  return (host & (host + 1)) === 0 ? mask.words : undefined;
}

/** Parses `192.168.*` or `192.168.*.7`. A pattern that no address can match is refused. */
function parseIpv4Pattern(text: string): HostRule | undefined {
  const parts = text.split('.');
  const possible = parts.every(part => /[*?]/.test(part) || (/^(0|[1-9]\d{0,2})$/.test(part) && Number(part) < 256));
  const count = text.includes('*') ? parts.length <= 4 : parts.length === 4;
  if (!possible || !count || parts.includes('')) return undefined;
  return { kind: 'addresses', text, pattern: patternOf(text) };
}

/**
 * Parses `2001:db8:*`, which is the network 2001:db8::/32. An address has many spellings, so other patterns would not
 * be reliable, and are refused.
 */
function parseIpv6Pattern(text: string): HostRule | undefined {
  const [, start] = /^((?:[0-9a-f]{1,4}:){1,7})\*$/i.exec(text) ?? [];
  const groups = start?.split(':').filter(group => group !== '') ?? [];
  const net = start === undefined ? undefined : parseIp(groups.length === 7 ? `${start}0` : `${start}:`);
  if (net?.family !== 6) return undefined;
  return { kind: 'network', text, net, masks: maskWords(6, groups.length * 16) };
}

/** Makes a regular expression of a word in which `*` stands for any characters and `?` for one. */
const patternOf = (word: string) =>
  new RegExp(`^${word.replaceAll('.', '\\.').replaceAll('?', '.').replace(/\*+/g, '.*')}$`);

export interface Matched {
  readonly matches: boolean;
  /** Why the names that a rule depends on are not known. */
  readonly unknown?: string;
  /** Whether the rule may still match once the names are known. */
  readonly undecided?: boolean;
}

const YES: Matched = { matches: true };
const NO: Matched = { matches: false };

/** Whether the rule matches `ip`, whose text form is `address`. */
export function matchHost(rule: HostRule, ip: Ip, address: string, names: HostNames): Matched {
  switch (rule.kind) {
    case 'any':
      return YES;
    case 'network':
      return rule.net.family === ip.family && sameUnder(rule.masks, rule.net.words, ip.words) ? YES : NO;
    case 'addresses':
      return rule.pattern.test(address) ? YES : NO;
    case 'name': {
      const { found, reason, decided } = names.addressesOf(rule.name);
      if (found.has(address)) return YES;
      return found.size > 0 ? NO : { matches: false, unknown: `${rule.text} ${reason}`, undecided: !decided };
    }
    case 'names': {
      const { found, reason, decided } = names.namesOf(address);
      for (const name of found) if (rule.pattern.test(name)) return YES;
      return found.size > 0 ? NO : { matches: false, unknown: `${address} ${reason}`, undecided: !decided };
    }
  }
}
