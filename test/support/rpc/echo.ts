/** A program for tests of the RPC core. It sends back what it receives: at once, later, or never. */
import { setTimeout as sleep } from 'node:timers/promises';
import { nothing, payload, string } from '#protocols/xdr/codec.ts';
import type { Actor, Program } from '#src/rpcsvc/actor.ts';

export const ECHO = { number: 0x2000_0001, version: 2 } as const;

const actor = (of: Partial<Actor<unknown>>): Actor<unknown> => ({
  name: 'TEST',
  args: nothing,
  res: nothing,
  idempotent: true,
  run() {},
  ...of,
});

const bytes = payload(4 * 1024 * 1024);

/**
 * Procedures: 0 does nothing; 1 echoes; 2 echoes later; 3 throws; 4 rejects; 5 never answers; 6 requires AUTH_SYS; 7
 * has a result that cannot be encoded; 8 answers with more than a datagram holds.
 */
export const echo: Program = {
  name: 'ECHO',
  number: ECHO.number,
  version: ECHO.version,
  minAuth: 0,
  contextOf: call => call,
  actors: {
    0: actor({ name: 'NULL' }),
    1: actor({ name: 'ECHO', args: bytes, res: bytes, run: (_, value: Buffer) => Buffer.from(value) }),
    2: actor({
      name: 'LATER',
      args: bytes,
      res: bytes,
      run: async (_, value: Buffer) => {
        await sleep(20);
        return Buffer.from(value);
      },
    }),
    3: actor({
      name: 'THROW',
      run() {
        throw new Error('a bug');
      },
    }),
    4: actor({
      name: 'REJECT',
      async run() {
        throw new Error('a bug');
      },
    }),
    5: actor({ name: 'NEVER', run: () => new Promise<void>(() => {}) }),
    6: actor({ name: 'SECURE', minAuth: 1 }),
    7: actor({ name: 'BAD', res: string(10), run: () => 7 }),
    8: actor({ name: 'LARGE', res: bytes, run: () => Buffer.alloc(70_000) }),
  },
};
