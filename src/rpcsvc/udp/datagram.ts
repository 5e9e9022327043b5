/** A call in a datagram and its reply in another, without I/O. */
import { XdrError, XdrReader, XdrWriter } from '#protocols/xdr/stream.ts';
import type { Peer } from '../actor.ts';
import { dispatch } from '../dispatch.ts';
import type { Service } from '../service.ts';
import { Origin } from '../duplicates/origin.ts';
import type { LastAuth } from '../transport.ts';

export type Sender = Pick<Peer, 'address' | 'port'>;

/**
 * The bytes of the reply to the call in a datagram, or undefined if it gets no reply. Bytes that are no call get none,
 * since an answer would help a peer that forges its address.
 */
export type Answer = (datagram: Uint8Array, from: Sender) => Promise<Uint8Array | undefined>;

/** Answers with the programs of `service`. `signal` is aborted when no answer is wanted any more. */
export function answering(service: Service, signal = new AbortController().signal): Answer {
  return (datagram, { address, port }) =>
    new Promise(resolve => {
      const peer: Peer = { address, port, transport: 'udp', signal };
      const lastAuth: LastAuth | undefined = undefined;
      const reply = (write: (to: XdrWriter) => void, sent: (() => void)[] | undefined) => {
        const out = new XdrWriter();
        write(out);
        resolve(out.toBuffer());
        for (const then of sent ?? []) then();
      };
      const origin = new Origin(port); // a client sends a datagram again from the same port
      const transport = { peer, origin, lastAuth, proven: true, began: () => {}, ended: () => {}, reply };
      try {
        dispatch(service, transport, new XdrReader(Buffer.from(datagram.buffer, datagram.byteOffset, datagram.length)));
      } catch (error) {
        if (!(error instanceof XdrError)) service.log.error({ err: error, client: address }, 'datagram');
        resolve(undefined);
      }
    });
}
