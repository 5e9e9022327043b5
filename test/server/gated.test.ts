import t from 'tap';
import { Gate } from '#src/graph/live/gate.ts';
import type { Call, Program } from '#src/rpcsvc/actor.ts';
import { gated } from '#src/server/gated.ts';

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
