import { COOKIE, nlmCases, SHARE } from '../../support/nlm.ts';

nlmCases('00000014', [
  {
    name: 'a share: NLM4_DENIED_NOLOCKS, with the cookie and sequence 0',
    args: `${COOKIE} ${SHARE} 00000000            // reclaim`,
    reply: `00000000 ${COOKIE} 00000002 00000000`,
    logged: true,
  },
  {
    name: 'an unknown access: GARBAGE_ARGS',
    args: `${COOKIE} ${SHARE.replace('00000002 00000001', '00000002 00000004')} 00000000`,
    reply: '00000004',
  },
]);
