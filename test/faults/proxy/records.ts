import type { Socket } from 'node:net';
import { RecordError, RecordReader } from '#src/rpc/record.ts';

const LIMITS = { recordBytesMax: 4 * 1024 * 1024, fragmentsMax: 4096 };

/**
 * Calls `take` with a copy of each record that comes over `socket`, without its mark. Data that are not a record end
 * the socket.
 */
export function takeRecords(socket: Socket, take: (record: Buffer) => void): void {
  const reader = new RecordReader(LIMITS);
  socket.on('data', (chunk: Buffer) => {
    try {
      reader.take(chunk);
      while (!socket.destroyed && reader.next()) {
        take(Buffer.from(reader.buffer.bytes.subarray(reader.from, reader.to)));
      }
      reader.rest();
    } catch (error) {
      if (!(error instanceof RecordError)) throw error;
      socket.destroy();
    }
  });
  socket.once('close', () => reader.close());
}
