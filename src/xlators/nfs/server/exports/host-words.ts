/** Explains what is wrong with a word in a list of hosts that is not understood. */
import { formatIp, type Ip, parseIp } from '../../../../rpc/ip.ts';
import { masksOf } from './host-rule.ts';

export const HOST_EXPECTED =
  'an address (10.0.0.1, fd00::1), a network (10.0.0.0/8), a pattern (192.168.*, *.example.org), a host name or *';

/**
 * Explains after a colon why `word` is none of {@link HOST_EXPECTED} and what to write in place of it; or returns
 * nothing.
 */
export function whyNoHost(word: string): string {
  const why = reasonOf(word);
  return why === undefined ? '' : `: ${why}`;
}

function reasonOf(word: string): string | undefined {
  if (word.startsWith('@')) return 'netgroups are not read here, name the hosts or networks themselves';
  if (/^[!^]/.test(word)) return 'a list excludes nothing, name the host with rpc-auth.addr.VOLUME.reject';
  if (/[()]/.test(word)) {
    return 'options of exports(5) are not read here, see nfs3.VOLUME.volume-access and nfs3.VOLUME.squash';
  }
  if (word.startsWith('[')) return 'write an IPv6 address without brackets';
  if (word.includes('%')) return `write it without its zone, ${word.slice(0, word.indexOf('%'))}`;
  if (/^none$/i.test(word)) return 'none stands alone';
  if (/^(on|off|yes|no|true|false|enable|disable|any|everyone)$/i.test(word))
    return 'write * for everyone, none for no one';
  if (word.includes('/')) return networkReason(word);
  if (/^[0-9.]+$/.test(word)) return 'an IPv4 address is four numbers from 0 to 255, without leading zeros';
  if (/^[0-9.-]+$/.test(word)) return 'write a range as a network, such as 10.0.0.0/24';
  if (/^[0-9.*?]+$/.test(word)) return 'no IPv4 address matches it';
  if (/^[0-9a-f:.*?]*:[0-9a-f:.*?]*$/i.test(word)) return 'write a network, such as 2001:db8::/32';
  return undefined;
}

function networkReason(word: string): string | undefined {
  const slash = word.indexOf('/');
  const address = word.slice(0, slash);
  const ip = parseIp(address);
  if (!ip) return undefined;
  const masks = masksOf(ip, address.includes(':'), word.slice(slash + 1));
  if (!masks) return ip.family === 4 ? 'a prefix has 0 to 32 bits' : 'a prefix has 0 to 128 bits';
  const net: Ip = { family: ip.family, words: ip.words.map((bits, i) => (bits & masks[i]!) >>> 0) };
  const prefix = masks.reduce((bits, mask) => bits + Math.clz32(~mask), 0);
  return `write ${formatIp(net)}/${prefix} for the network, or ${formatIp(ip)} for the host`;
}
