/** The heads of replies (RFC 5531, 9), and the replies that are nothing but a head. */
import { accept_stat, msg_type, reply_stat } from '#protocols/rpc.ts';
import type { XdrWriter } from '#protocols/xdr/stream.ts';
import type { Transport } from './transport.ts';

/** The length of an accepted reply's header, after which its results begin. */
export const ACCEPTED_HEADER_BYTES = 24;

export function accept(transport: Transport, xid: number, stat: accept_stat, ...data: number[]): void {
  transport.reply(to => {
    acceptedHeader(to, xid, stat);
    for (const value of data) to.uint32(value);
  }, undefined);
}

export function acceptedHeader(to: XdrWriter, xid: number, stat: accept_stat): void {
  to.uint32(xid);
  to.uint32(msg_type.REPLY);
  to.uint32(reply_stat.MSG_ACCEPTED);
  to.uint32(0); // verf: AUTH_NONE
  to.uint32(0); // verf: length 0
  to.uint32(stat);
}

export function deny(transport: Transport, xid: number, stat: number, ...data: number[]): void {
  transport.reply(to => {
    to.uint32(xid);
    to.uint32(msg_type.REPLY);
    to.uint32(reply_stat.MSG_DENIED);
    to.uint32(stat);
    for (const value of data) to.uint32(value);
  }, undefined);
}

/** Sends a reply again as it was sent before. `sent` is as for {@link Transport.reply}. */
export function replay(transport: Transport, reply: Buffer, sent?: (() => void)[]): void {
  transport.reply(to => to.bytes(reply), sent);
}
