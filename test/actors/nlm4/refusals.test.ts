import pino from 'pino';
import t from 'tap';
import { Refusals } from '#actors/nlm4/refusals.ts';
import { callFrom } from '../../support/rpc/call.ts';

t.test('the log has one line for each of the first 1024 clients, and none for others', async t => {
  const lines: { client: string; msg: string; level: number }[] = [];
  const refusals = new Refusals(pino({ base: null }, { write: line => void lines.push(JSON.parse(line) as never) }));
  for (let i = 0; i < 2000; i++) {
    const call = callFrom(`10.0.${i >> 8}.${i & 255}`, 'udp');
    refusals.note(call);
    refusals.note(call);
  }
  t.equal(lines.length, 1024);
  t.match(lines[0], { level: 40, client: '10.0.0.0', msg: /ENOLCK.*nolock.*locallocks/ });
  t.equal(new Set(lines.map(({ client }) => client)).size, 1024);
});
