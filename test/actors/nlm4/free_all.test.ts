import { nlmCases } from '../../support/nlm.ts';

nlmCases('00000017', [
  {
    name: 'a client that has crashed',
    args: '0000000c 6c696e75 782d636c 69656e74 00000005      // "linux-client", state 5',
    reply: '00000000',
  },
]);
