import { padOf } from '#protocols/xdr/stream.ts';
import { UnanswerableError } from '#src/rpcsvc/actor.ts';
import type { MountCall } from '#src/xlators/nfs/server/mount/mount-call.ts';

/** Bytes of an accepted reply's header (RFC 5531, 9), with no verifier. */
const HEADER_BYTES = 24;
/**
 * The most bytes of a reply with a list. UDP: what clients make room for and mountd sends (UDPMSGSIZE of their RPC
 * libraries), and no more, since the sender may be forged. TCP: enough for the list of any usual mount table.
 */
const REPLY_BYTES_MAX = { udp: 8800, tcp: 4 * 1024 * 1024 } as const;
const MORE_BYTES = 4;

/**
 * Returns the list if a reply can carry all of it; `bytesOf` returns the bytes of an element in it. A shorter list
 * would look complete to the client.
 * @throws {UnanswerableError} the list is too long
 */
export function wholeList<T>(
  mount: MountCall,
  what: string,
  list: readonly T[],
  bytesOf: (element: T) => number,
): readonly T[] {
  const { transport } = mount.call.peer;
  const max = REPLY_BYTES_MAX[transport];
  let bytes = HEADER_BYTES + MORE_BYTES;
  for (const element of list) {
    bytes += MORE_BYTES + bytesOf(element);
    if (bytes <= max) continue;
    const advice = transport === 'udp' ? 'ask over TCP' : 'bricknfs mounts and bricknfs exports show it';
    throw new UnanswerableError(`${what}: a list of ${list.length} elements, over ${max} bytes long: ${advice}`);
  }
  return list;
}

/** The bytes of a string on the wire. */
export const stringBytes = (text: string): number => 4 + text.length + padOf(text.length);
