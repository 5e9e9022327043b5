import { ALOCK, COOKIE, nlmCases } from '../../support/nlm.ts';

nlmCases('00000016', [
  {
    name: 'a lock of a client that is not monitored: NLM4_DENIED_NOLOCKS',
    args: `
      ${COOKIE} 00000000 00000001                // block, exclusive
      ${ALOCK}
      00000000 00000000                          // reclaim, state`,
    reply: `00000000 ${COOKIE} 00000002`,
    logged: true,
  },
]);
