import t from 'tap';
import { encode, payload, uint32 } from '#protocols/xdr/codec.ts';
import { Gate } from '#src/graph/live/gate.ts';
import type { Call, Program } from '#src/rpcsvc/actor.ts';
import { ReplyCache } from '#src/rpcsvc/duplicates/reply-cache.ts';
import { gated } from '#src/server/gated.ts';
import { hex } from '../support/hex.ts';
import { servePrograms } from '../support/rpc/service.ts';

function setup() {
  const gate = new Gate();
  const contexts: Call[] = [];
  const contextOf = (call: Call) => {
    contexts.push(call);
    return { call };
  };
  const program: Program = { name: 'TEST', number: 400_000, version: 1, minAuth: 0, actors: {}, contextOf };
  const sent: (() => void)[] = [];
  const call = { xid: 1, afterSend: (then: () => void) => void sent.push(then) } as unknown as Call;
  return { gate, contexts, sent, call, served: gated(program, gate) };
}

t.test('a call is inside the gate until its reply has been sent', async t => {
  const { gate, sent, call, served } = setup();
  t.strictSame(served.contextOf(call), { call });
  t.equal(gate.inside, 1);
  for (const then of sent) then();
  t.equal(gate.inside, 0);
});

t.test('a call that comes to a closed gate is refused, and nothing behind the gate sees it', async t => {
  const { gate, contexts, sent, call, served } = setup();
  await gate.close(0);
  t.throws(() => served.contextOf(call), { code: 'EJUKEBOX' });
  t.strictSame(contexts, []);
  t.strictSame(sent, [], 'the call does not leave a gate that it has not entered');
});

t.test('a call that looks like a repeat is carried out although the gate is closed while that is decided', async t => {
  const gate = new Gate();
  let runs = 0;
  const count = {
    name: 'COUNT',
    args: payload(4096),
    res: uint32,
    idempotent: false,
    repeats: async () => {
      t.equal(await gate.close(0), 1);
      return false;
    },
    run: async () => ++runs,
  };
  const program: Program = {
    name: 'TEST',
    number: 0x2000_0001,
    version: 2,
    minAuth: 0,
    actors: { 1: count },
    contextOf: () => ({}),
  };
  const { exchange } = await servePrograms(t, [gated(program, gate)], undefined, new ReplyCache(100_000));
  // xid 42, CALL, RPC version 2; program, version, procedure; AUTH_NONE twice
  const head = hex('0000002a 00000000 00000002 20000001 00000002 00000001 00000000 00000000 00000000 00000000');
  const call = Buffer.concat([head, encode(payload(4096), Buffer.alloc(2048))]);
  const accepted = '0000002a 00000001 00000000 00000000 00000000 00000000';
  t.strictSame(await exchange(call), hex(`${accepted} 00000001`));
  t.strictSame(await exchange(call), hex(`${accepted} 00000002`), 'SUCCESS');
  t.equal(gate.inside, 0);
});
