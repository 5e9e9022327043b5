import { ALOCK, COOKIE, nlmCases } from '../../support/nlm.ts';

nlmCases('00000005', [
  {
    name: 'a lock for nobody here: NLM4_DENIED',
    args: `${COOKIE} 00000001 ${ALOCK}`,
    reply: `00000000 ${COOKIE} 00000001`,
  },
]);
