import { ALOCK, COOKIE, nlmCases } from '../../support/nlm.ts';

nlmCases('00000003', [
  {
    name: 'no request is waiting: NLM4_GRANTED',
    args: `${COOKIE} 00000001 00000001 ${ALOCK}     // block, exclusive before it`,
    reply: `00000000 ${COOKIE} 00000000`,
  },
]);
