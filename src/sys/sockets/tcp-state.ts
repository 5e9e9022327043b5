/** What the kernel knows of a TCP connection and Node.js does not tell. */
import { ioctl } from '../libc.ts';
import { getsockopt } from './sockets.ts';

/** The request of tcp(7) for the bytes in the send queue, which include those sent and not acknowledged. */
const SIOCOUTQ = 0x5411;
const IPPROTO_TCP = 6;
const TCP_INFO = 11;
/** States of a connection, the first byte of a struct tcp_info (linux/tcp.h, net/tcp_states.h). */
const TCP_ESTABLISHED = 1;
const TCP_CLOSE_WAIT = 8;

const answer = Buffer.alloc(4);
const answerBytes = Buffer.from(Int32Array.of(answer.length).buffer);

/** Bytes written to the TCP socket `fd` that its peer has not acknowledged; `Infinity` if that cannot be told. */
export function unacknowledgedBytes(fd: number): number {
  return ioctl(fd, SIOCOUTQ, answer) === 0 ? answer.readInt32LE() : Infinity;
}

/** Whether the peer of the TCP socket `fd` can still send (`open`), has closed its side, or has reset the connection. */
export function peerState(fd: number): 'open' | 'closed' | 'reset' {
  answerBytes.writeInt32LE(answer.length);
  const known = getsockopt(fd, IPPROTO_TCP, TCP_INFO, answer, answerBytes) === 0;
  const state = known ? answer[0] : TCP_ESTABLISHED;
  return state === TCP_ESTABLISHED ? 'open' : state === TCP_CLOSE_WAIT ? 'closed' : 'reset';
}
