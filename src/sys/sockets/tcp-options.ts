/** Options of TCP sockets that Node.js does not set. */
import type { Socket } from 'node:net';
import { setsockopt } from './sockets.ts';

const IPPROTO_TCP = 6;
const TCP_USER_TIMEOUT = 18;

/** Sets for how long what was sent may stay unacknowledged before the kernel ends the connection (tcp(7)). */
export function setUserTimeout(socket: Socket, ms: number): void {
  const { _handle: handle } = socket as unknown as { _handle: { fd?: number } | null };
  const fd = handle?.fd ?? -1;
  if (fd >= 0) setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, Buffer.from(Uint32Array.of(ms).buffer), 4);
}
