import { ALOCK, COOKIE, NO_COOKIE, nlmCases } from '../../support/nlm.ts';

nlmCases('00000004', [
  {
    name: 'NLM4_GRANTED, with the cookie, and nothing in the log',
    args: `${COOKIE} ${ALOCK}`,
    reply: `00000000 ${COOKIE} 00000000`,
  },
  { name: 'without a cookie', args: `${NO_COOKIE} ${ALOCK}`, reply: `00000000 ${NO_COOKIE} 00000000` },
]);
