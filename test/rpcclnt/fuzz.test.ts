/** A server that sends anything: calls fail or are answered, and nothing else happens. */
import fc from 'fast-check';
import t from 'tap';
import { opaque, uint32 } from '#protocols/xdr/codec.ts';
import { RpcClient } from '#src/rpcclnt/client.ts';
import { RpcError } from '#src/rpcclnt/error.ts';
import { answer, type Call, callServer } from '../support/rpc/call-server.ts';
import { hex } from '../support/hex.ts';

const BYTES = { name: 'BYTES', prog: 7, vers: 1, proc: 1, args: uint32, res: opaque(1 << 20) };

/** What is done to a good answer. */
type Damage =
  | { readonly kind: 'set'; readonly at: number; readonly to: number }
  | { readonly kind: 'cut'; readonly at: number }
  | { readonly kind: 'insert'; readonly at: number; readonly bytes: Uint8Array };

const damages: fc.Arbitrary<Damage[]> = fc.array(
  fc.oneof(
    fc.record({ kind: fc.constant('set' as const), at: fc.nat(63), to: fc.nat(255) }),
    fc.record({ kind: fc.constant('cut' as const), at: fc.nat(63) }),
    fc.record({ kind: fc.constant('insert' as const), at: fc.nat(63), bytes: fc.uint8Array({ maxLength: 40 }) }),
  ),
  { minLength: 1, maxLength: 4 },
);

function damaged(good: Buffer, how: readonly Damage[]): Buffer {
  let bytes = Buffer.from(good);
  for (const damage of how) {
    if (damage.kind === 'set' && damage.at < bytes.length) bytes[damage.at] = damage.to;
    else if (damage.kind === 'cut') bytes = bytes.subarray(0, damage.at);
    else if (damage.kind === 'insert') {
      bytes = Buffer.concat([bytes.subarray(0, damage.at), damage.bytes, bytes.subarray(damage.at)]);
    }
  }
  return bytes;
}

t.test('answers that are damaged', async t => {
  let respond: (call: Call) => Buffer = call => answer(call);
  const port = await callServer(t, (socket, calls) => {
    for (const call of calls) socket.write(respond(call));
    socket.end();
  });
  await fc.assert(
    fc.asyncProperty(damages, async how => {
      respond = call => damaged(answer(call, hex('00000003 61626300')), how);
      const client = await RpcClient.connect({ target: { host: '127.0.0.1', port }, timeoutMs: 5000, onCall() {} });
      const outcomes = await Promise.allSettled([client.ask(BYTES, 1), client.call(BYTES, 2)]);
      for (const outcome of outcomes) {
        if (outcome.status === 'rejected' && !(outcome.reason instanceof RpcError)) throw outcome.reason;
      }
      await client.close();
    }),
    { numRuns: 400 },
  );
  t.pass('each call has ended');
});
