import { COOKIE, nlmCases, SHARE } from '../../support/nlm.ts';

nlmCases('00000015', [
  {
    name: 'NLM4_GRANTED, with sequence 0',
    args: `${COOKIE} ${SHARE} 00000000            // reclaim`,
    reply: `00000000 ${COOKIE} 00000000 00000000`,
  },
]);
