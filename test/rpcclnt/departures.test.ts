/** When calls are sent: those that nothing waits for, with others. */
import { mock } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { nothing } from '#protocols/xdr/codec.ts';
import { RpcClient } from '#src/rpcclnt/client.ts';
import { callServer } from '../support/rpc/call-server.ts';

const procedure = (proc: number) => ({ prog: 1, vers: 1, name: `P${proc}`, proc, args: nothing, res: nothing });
const UNHURRIED = { unhurried: true } as const;

/** A client whose timers wait for `mock.timers`, and the numbers of the procedures that have come to the server. */
async function connected(t: Test) {
  const came: number[] = [];
  const waiting: { readonly count: number; readonly resolve: () => void }[] = [];
  const port = await callServer(t, (_, calls) => {
    came.push(...calls.map(({ proc }) => proc));
    for (const { count, resolve } of waiting) if (came.length >= count) resolve();
  });
  const client = await RpcClient.connect({ target: { host: '127.0.0.1', port }, timeoutMs: 60_000 });
  mock.timers.enable({ apis: ['setTimeout'] });
  t.teardown(async () => {
    mock.timers.reset();
    await client.close();
  });
  const call = (proc: number, how = {}) => void client.ask(procedure(proc), undefined, how).catch(() => {});
  const until = (count: number) => new Promise<void>(resolve => waiting.push({ count, resolve }));
  return { client, call, came, until };
}

t.test('a call that nothing waits for is sent with the next one', async t => {
  const { call, came, until } = await connected(t);
  call(1, UNHURRIED);
  call(2, UNHURRIED);
  for (let i = 0; i < 20; i++) await turn();
  t.strictSame(came, []);
  const both = until(3);
  call(3);
  await both;
  t.strictSame(came, [1, 2, 3]);
});

t.test('if no other call is made, it is sent after a moment', async t => {
  const { call, came, until } = await connected(t);
  for (const proc of [1, 2]) {
    const sent = until(proc);
    call(proc, UNHURRIED);
    mock.timers.tick(100);
    await sent;
  }
  t.strictSame(came, [1, 2]);
});

t.test('it is sent at once when something waits for it now', async t => {
  const { client, call, came, until } = await connected(t);
  const sent = until(1);
  call(1, UNHURRIED);
  client.hurry();
  await sent;
  t.strictSame(came, [1]);
});
