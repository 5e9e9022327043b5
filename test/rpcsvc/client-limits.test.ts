import t from 'tap';
import { Clients } from '#src/rpcsvc/client-limits.ts';

t.test('a client is one with all its connections, and waits when it is full', async t => {
  const clients = new Clients(2);
  const client = clients.join('10.0.0.1');
  t.equal(clients.join('10.0.0.1'), client);
  t.not(clients.join('10.0.0.2'), client);
  client.calls = 2;
  t.equal(client.full, true);
  let resumed = 0;
  client.wait({ resume: () => resumed++ });
  client.ended();
  t.equal(resumed, 1);
  t.equal(client.full, false);
});

t.test('calls whose connection has ended still count, until they end', async t => {
  const clients = new Clients(2);
  const client = clients.join('10.0.0.1');
  client.calls = 2;
  client.left();
  t.equal(clients.join('10.0.0.1'), client, 'who connects again has no more than before');
  t.equal(client.full, true);
  client.left();
  client.ended();
  t.equal([...clients].length, 1);
  client.ended();
  t.equal([...clients].length, 0, 'and is forgotten then');
  t.not(clients.join('10.0.0.1'), client);
});
