import t from 'tap';
import { type ClientLimits, Clients, type Connected } from '#src/rpcsvc/limits/client-limits.ts';

const LIMITS: ClientLimits = { callsMax: 2, callsTotal: 4, receivedBytesTotal: 1000, replyBytesTotal: 1000 };

function connection(of: Partial<Connected> = {}): Connected & { why: string } {
  return {
    proven: true,
    calls: 0,
    activeAt: 0,
    why: '',
    ...of,
    close: function (why) {
      this.why = why;
    },
  };
}

t.test('a client is one with all its connections, and waits when it is full', async t => {
  const clients = new Clients(LIMITS);
  const client = clients.of('10.0.0.1');
  t.equal(clients.of('10.0.0.1'), client);
  t.not(clients.of('10.0.0.2'), client);
  client.connections.add(connection());
  client.began();
  client.began();
  t.equal(client.full, true);
  let resumed = 0;
  client.wait({ resumeSoon: () => resumed++ });
  client.ended();
  t.equal(resumed, 1);
  t.equal(client.full, false);
});

t.test('calls whose connection has ended still count, until they end', async t => {
  const clients = new Clients(LIMITS);
  const client = clients.of('10.0.0.1');
  const [first, second] = [connection(), connection()];
  client.connections.add(first);
  client.began();
  client.began();
  client.left(first);
  t.equal(clients.of('10.0.0.1'), client, 'who connects again has no more than before');
  t.equal(client.full, true);
  client.connections.add(second);
  client.left(second);
  client.ended();
  t.equal([...clients].length, 1);
  client.ended();
  t.equal([...clients].length, 0, 'and is forgotten then');
  t.not(clients.of('10.0.0.1'), client);
});

t.test('of the calls of all, a client may have as many as are left', async t => {
  const clients = new Clients({ ...LIMITS, callsMax: 100, callsTotal: 10 });
  const [greedy, late] = [clients.of('a'), clients.of('b')];
  while (!greedy.full) greedy.began();
  t.equal(greedy.calls, 5, 'half of them');
  t.equal(late.full, false, 'another one has its turn');
  while (!late.full) late.began();
  t.equal(late.calls, 3);
  t.equal(clients.of('c').full, false, 'and a third');
});

t.test(
  'the connection that can be spared: without a call ever, then without one now, then idle for longest',
  async t => {
    const clients = new Clients(LIMITS);
    const client = clients.of('a');
    const busy = connection({ calls: 1, activeAt: 1 });
    const idle = connection({ activeAt: 5 });
    const longIdle = connection({ activeAt: 4 });
    const silent = connection({ proven: false, activeAt: 9 });
    const order = [silent, longIdle, idle, busy];
    for (const one of [busy, idle, silent, longIdle]) client.connections.add(one);
    for (const wanted of order) {
      clients.spare('a');
      t.equal(wanted.why, 'others need its place');
    }
    clients.spare('a');
    for (const one of order) client.left(one);
    t.equal([...clients].length, 0);
  },
);
