import type { Socket } from 'node:net';
import { setsockopt } from '#src/sys/sockets/sockets.ts';

const SOL_SOCKET = 1;
const SO_LINGER = 13;
/** A struct linger with a time of 0, which makes close(2) reset the connection. */
const LINGER_ZERO = Buffer.from(Int32Array.of(1, 0).buffer);

/**
 * Closes a connected socket with a reset and nothing before it. `resetAndDestroy` sends a FIN first, and a server that
 * handles the FIN before the reset arrives believes that the client has finished.
 */
export function reset(socket: Socket): void {
  const { fd = -1 } = (socket as unknown as { _handle: { fd?: number } | null })._handle ?? {};
  if (fd >= 0) setsockopt(fd, SOL_SOCKET, SO_LINGER, LINGER_ZERO, LINGER_ZERO.length);
  socket.destroy();
}
