import { padOf } from '#protocols/xdr/stream.ts';
import type { MountCall } from '#src/xlators/nfs/server/mount-call.ts';

/**
 * Bytes of a list in a reply. A datagram's sender may be forged, and the answer go to somebody else: over UDP no more
 * than one Ethernet frame. Clients ask by TCP when they can.
 */
const LIST_BYTES_MAX = { udp: 1400, tcp: 1024 * 1024 } as const;

const MORE_BYTES = 4;

/** As many of the list's first elements as a reply may carry; `bytesOf` an element in it. */
export function fitting<T>(mount: MountCall, what: string, list: readonly T[], bytesOf: (element: T) => number): T[] {
  const { transport, address } = mount.call.peer;
  let bytes = MORE_BYTES;
  let count = 0;
  while (count < list.length) {
    bytes += MORE_BYTES + bytesOf(list[count]!);
    if (bytes > LIST_BYTES_MAX[transport]) break;
    count++;
  }
  if (count < list.length) {
    const of = list.length;
    mount.log.info({ client: address, transport, listed: count, of }, `${what}: more than one reply may carry`);
  }
  return list.slice(0, count);
}

/** Bytes of a string on the wire. */
export const stringBytes = (text: string): number => 4 + text.length + padOf(text.length);
