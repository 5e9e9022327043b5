import t from 'tap';
import { hex } from '../../support/hex.ts';
import { ACCEPTED, ALOCK, COOKIE, NO_COOKIE, nlmCall, nlmCases, serveNlm } from '../../support/nlm.ts';

const args = (cookie: string, block: string, exclusive: string, reclaim = '00000000') => `
  ${cookie} ${block} ${exclusive}
  ${ALOCK}
  ${reclaim} 00000003                         // reclaim, state
`;

nlmCases('00000002', [
  {
    name: 'a write lock: NLM4_DENIED_NOLOCKS, with the cookie',
    args: args(COOKIE, '00000000', '00000001'),
    reply: `00000000 ${COOKIE} 00000002`,
    logged: true,
  },
  {
    name: 'a read lock that may wait is refused at once',
    args: args(COOKIE, '00000001', '00000000'),
    reply: `00000000 ${COOKIE} 00000002`,
    logged: true,
  },
  {
    name: 'a lock from before a restart cannot be reclaimed',
    args: args(NO_COOKIE, '00000000', '00000001', '00000001'),
    reply: `00000000 ${NO_COOKIE} 00000002`,
    logged: true,
  },
  {
    name: 'a cookie of 1,024 bytes is returned',
    args: args(`00000400 ${'5a'.repeat(1024)}`, '00000000', '00000001'),
    reply: `00000000 00000400 ${'5a'.repeat(1024)} 00000002`,
    logged: true,
  },
  {
    name: 'a cookie of 1,025 bytes: GARBAGE_ARGS',
    args: args(`00000401 ${'5a'.repeat(1025)} 000000`, '00000000', '00000001'),
    reply: '00000004',
  },
]);

t.test('the log has one line for each client', async t => {
  const { exchange, lines } = await serveNlm(t);
  const call = nlmCall('00000002', args(COOKIE, '00000000', '00000001'));
  for (let i = 0; i < 3; i++) {
    const reply = await exchange(call);
    t.equal(reply.toString('hex'), hex(`${ACCEPTED} 00000000 ${COOKIE} 00000002`).toString('hex'));
  }
  await exchange(nlmCall('00000001', `${COOKIE} 00000001 ${ALOCK}`));
  t.equal(lines.length, 1);
});
