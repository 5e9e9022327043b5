import { padOf } from '#protocols/xdr/stream.ts';
import { UnanswerableError } from '#src/rpcsvc/actor.ts';
import type { MountCall } from '#src/xlators/nfs/server/mount/mount-call.ts';

/** Bytes of an accepted reply's header (RFC 5531, 9) with an empty verifier. */
const HEADER_BYTES = 24;
/**
 * The greatest length of a reply with a list. Over UDP it is what clients reserve and mountd sends (UDPMSGSIZE of their
 * RPC libraries); no more, since the sender's address may be forged. Over TCP it holds the list of any usual mount
 * table.
 */
const REPLY_BYTES_MAX = { udp: 8800, tcp: 4 * 1024 * 1024 } as const;
/** XDR puts a boolean before each element and behind the last: whether one more follows. */
const MORE_BYTES = 4;

/**
 * Returns the list if a reply can carry all of it: a part of it would look complete to the client. `what` names the
 * list in the error, and `bytesOf` returns the length of an encoded element.
 * @throws {UnanswerableError} if the list is too long
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

/** The length of an encoded string. */
export const stringBytes = (text: string): number => 4 + text.length + padOf(text.length);
