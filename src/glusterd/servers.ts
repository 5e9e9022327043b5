import { isIPv6 } from 'node:net';
import { GLUSTERD_PORT } from '#protocols/gluster/constants.ts';

/** Where a glusterd listens. */
export interface GlusterdAddress {
  readonly host: string;
  readonly port: number;
}

/**
 * Reads `HOST`, `HOST:PORT`, `[IPV6]:PORT` or a bare IPv6 address; `undefined` if the text is none of these.
 * @param port for hosts without one
 */
export function parseServer(text: string, port = GLUSTERD_PORT): GlusterdAddress | undefined {
  if (isIPv6(text)) return { host: text, port };
  const [, bracketed, plain, number] = /^(?:\[([0-9a-f:.]+)\]|([\w.-]{1,253}))(?::(\d{1,5}))?$/i.exec(text) ?? [];
  const host = bracketed ?? plain;
  if (host === undefined || (bracketed !== undefined && !isIPv6(bracketed))) return undefined;
  const given = number === undefined ? port : Number(number);
  return given >= 1 && given <= 65_535 ? { host, port: given } : undefined;
}

/** Writes an address as {@link parseServer} reads it, without the usual port. */
export function serverText({ host, port }: GlusterdAddress): string {
  const bare = port === GLUSTERD_PORT;
  return isIPv6(host) ? (bare ? host : `[${host}]:${port}`) : bare ? host : `${host}:${port}`;
}
