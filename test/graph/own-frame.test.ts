import t from 'tap';
import { ownFrame } from '#src/graph/own-frame.ts';
import { identityOf, ROOT } from '#src/graph/identity.ts';

t.test("a layer's own fop is made as root and outlives its caller", async t => {
  const caller = new AbortController();
  const of = { identity: identityOf(7, 8), client: '192.0.2.1', signal: caller.signal, lkOwner: Buffer.of(1), pid: 5 };
  const own = ownFrame(of);
  caller.abort();
  t.equal(own.identity, ROOT);
  t.equal(own.client, '192.0.2.1');
  t.equal(own.signal.aborted, false);
  t.equal(own.internal, true);
  t.equal(own.lkOwner, undefined, "not the caller's locks");
  t.equal(own.pid, undefined);
  t.strictSame(ownFrame(of, Buffer.of(2)).lkOwner, Buffer.of(2));
});
