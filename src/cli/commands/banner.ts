/** What a server prints when it starts: its exports, how to mount them, and what it cannot do. */
import { hostname, networkInterfaces } from 'node:os';
import { hostPort } from '../../rpc/address.ts';
import { isWildcard, parseIp } from '../../rpc/ip.ts';
import type { Server } from '../../server/server.ts';
import { describeLimits, processCapabilities, tellsApart } from '../../sys/process/capabilities.ts';
import { fromWire } from '../../wire-text.ts';
import { accessOf, type Export } from '../../xlators/nfs/server/exports/exports.ts';
import { openWarning } from './open-exports.ts';
import { GeneratedVolfile } from '../../volfile/source.ts';

/** How many exports are printed; further ones are only counted. */
const SHOWN_MAX = 20;

export interface MountAt {
  readonly host: string;
  readonly port: number;
  /** The path in the mount command. */
  readonly path: string;
  readonly insecure: boolean;
}

/** Quotes a word for a shell, where that is needed. */
export function quoted(word: string): string {
  return /^[\w./:@%+=,\-[\]]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

const inBrackets = (host: string) => (host.includes(':') ? `[${host}]` : host);

export function linuxMount({ host, port, path }: MountAt): string {
  const proto = host.includes(':') ? 'tcp6' : 'tcp';
  const options = `vers=3,proto=${proto},port=${port},mountport=${port},mountproto=${proto},nolock`;
  return `mount -t nfs -o ${options} ${quoted(`${inBrackets(host)}:${path}`)} /mnt`;
}

export function macMount({ host, port, path, insecure }: MountAt): string {
  const options = `vers=3,tcp,port=${port},mountport=${port},nolocks,locallocks${insecure ? '' : ',resvport'}`;
  return `mount -t nfs -o ${options} ${quoted(`${inBrackets(host)}:${path}`)} /mnt`;
}

/**
 * The addresses at which other hosts reach a server that listens at `address`: `address` itself or, if it is a
 * wildcard, the addresses of this machine. There is always at least one, and the best to print comes first.
 */
export function reachableHosts(address: string, interfaces = networkInterfaces()): string[] {
  const ip = parseIp(address);
  if (!ip || !isWildcard(ip)) return [address];
  const own = Object.values(interfaces).flatMap(addresses => addresses ?? []);
  const outward = own.filter(({ internal }) => !internal);
  const four = outward.filter(({ family }) => family === 'IPv4');
  const six = ip.family === 6 ? outward.filter(one => one.family === 'IPv6' && !one.scopeid) : [];
  const found = [...four, ...six].map(one => one.address);
  return found.length > 0 ? found : [outward.length > 0 ? hostname() : '127.0.0.1'];
}

/** All lines but the last, see {@link readyLine}. */
export function banner(server: Server): string {
  const { address, port } = server.address;
  const [host, ...others] = reachableHosts(address);
  const { exports } = server.planned;
  const lines = exports.slice(0, SHOWN_MAX).flatMap(on => exportLines(on, host!, port));
  if (exports.length > SHOWN_MAX)
    lines.push(`… and ${exports.length - SHOWN_MAX} more; bricknfs exports lists them all`, '');
  if (exports.length === 0) {
    lines.push(
      'Nothing is exported. See the options nfs3.export-volumes, nfs3.VOLUME.export-dir and nfs.VOLUME.disable',
    );
    lines.push('');
  }
  if (others.length > 0 && exports.length > 0) lines.push(`Other addresses of this machine: ${others.join(', ')}`, '');
  const warning = warningOf(server);
  if (warning !== undefined) lines.push(warning, '');
  const limits = describeLimits(processCapabilities(), process.geteuid?.() ?? 0);
  if (limits.length > 0) lines.push(`Limits: ${limits.join('; ')}`, '');
  return lines.map(line => `${line}\n`).join('');
}

/** Warns in one line about exports that are open to more hosts than the user may want. */
export function warningOf({ address: { address }, planned, config }: Server): string | undefined {
  const uid = process.geteuid?.() ?? 0;
  const toldApart = tellsApart(processCapabilities(), uid);
  return openWarning(planned.exports, { address, toldApart, uid, byFlags: config.file === GeneratedVolfile.NAME });
}

function exportLines(on: Export, host: string, port: number): string[] {
  const { paths, rules } = on;
  const [path, ...more] = paths.map(fromWire);
  const at = { host, port, path: path!, insecure: rules.insecurePorts.value };
  const also = more.length === 0 ? '' : `, also as ${more.join(' and ')}`;
  const squash = rules.squash.value === 'none' ? '' : `, squash ${rules.squash.value}`;
  return [
    `${path}${also} (${accessOf(on).mode}${squash})`,
    `  Linux  ${linuxMount(at)}`,
    `  macOS  ${macMount(at)}`,
    '',
  ];
}

/** The last line. It never changes its form, so that scripts can wait for it. */
export function readyLine(server: Server): string {
  const { address, port } = server.address;
  return `bricknfs is serving on ${hostPort(address, port)}\n`;
}
