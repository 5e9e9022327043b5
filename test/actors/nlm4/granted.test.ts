import { ALOCK, COOKIE, nlmCases } from '../../support/nlm.ts';

nlmCases('00000005', [
  {
    name: 'no program here waits for a lock: NLM4_DENIED',
    args: `${COOKIE} 00000001 ${ALOCK}`,
    reply: `00000000 ${COOKIE} 00000001`,
  },
]);
