import { ALOCK, COOKIE, NO_COOKIE, nlmCases } from '../../support/nlm.ts';

nlmCases('00000001', [
  {
    name: 'a write lock: NLM4_DENIED_NOLOCKS, which has no holder',
    args: `${COOKIE} 00000001 ${ALOCK}`,
    reply: `00000000 ${COOKIE} 00000002`,
    logged: true,
  },
  {
    name: 'a read lock, without a cookie',
    args: `${NO_COOKIE} 00000000 ${ALOCK}`,
    reply: `00000000 ${NO_COOKIE} 00000002`,
    logged: true,
  },
  { name: 'a boolean of 2: GARBAGE_ARGS', args: `${COOKIE} 00000002 ${ALOCK}`, reply: '00000004' },
]);
