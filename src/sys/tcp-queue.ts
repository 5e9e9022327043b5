import { ioctl } from './libc.ts';

/** The request of tcp(7) for the bytes in the send queue, which include those sent and not acknowledged. */
const SIOCOUTQ = 0x5411;

const answer = Buffer.alloc(4);

/** Bytes written to the TCP socket `fd` that its peer has not acknowledged; `Infinity` if that cannot be told. */
export function unacknowledgedBytes(fd: number): number {
  return ioctl(fd, SIOCOUTQ, answer) === 0 ? answer.readInt32LE() : Infinity;
}
