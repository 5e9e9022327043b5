/** The asynchronous procedures: each call gets an empty reply, and the server does not call back. */
import t from 'tap';
import { hex } from '../../support/hex.ts';
import { ACCEPTED, ALOCK, COOKIE, GARBAGE_ARGS, nlmCall, serveNlm } from '../../support/nlm.ts';

const res = `${COOKIE} 00000000`;

const cases = [
  { name: 'TEST_MSG', procedure: '00000006', args: `${COOKIE} 00000001 ${ALOCK}`, logged: 1 },
  {
    name: 'LOCK_MSG',
    procedure: '00000007',
    args: `${COOKIE} 00000000 00000001 ${ALOCK} 00000000 00000003`,
    logged: 1,
  },
  { name: 'CANCEL_MSG', procedure: '00000008', args: `${COOKIE} 00000000 00000001 ${ALOCK}`, logged: 0 },
  { name: 'UNLOCK_MSG', procedure: '00000009', args: `${COOKIE} ${ALOCK}`, logged: 0 },
  { name: 'GRANTED_MSG', procedure: '0000000a', args: `${COOKIE} 00000001 ${ALOCK}`, logged: 0 },
  { name: 'TEST_RES: granted', procedure: '0000000b', args: res, logged: 0 },
  {
    name: 'TEST_RES: denied, with a holder',
    procedure: '0000000b',
    args: `
      ${COOKIE} 00000001                              // NLM4_DENIED
      00000001 00000007 00000002 6f680000             // exclusive, svid 7, oh "oh"
      00000000 00000001 00000000 00000002             // l_offset, l_len
    `,
    logged: 0,
  },
  { name: 'LOCK_RES', procedure: '0000000c', args: res, logged: 0 },
  { name: 'CANCEL_RES', procedure: '0000000d', args: res, logged: 0 },
  { name: 'UNLOCK_RES', procedure: '0000000e', args: res, logged: 0 },
  { name: 'GRANTED_RES', procedure: '0000000f', args: res, logged: 0 },
];

for (const { name, procedure, args, logged } of cases) {
  t.test(name, async t => {
    const { exchange, lines } = await serveNlm(t);
    const call = nlmCall(procedure, args);
    t.equal((await exchange(call)).toString('hex'), hex(`${ACCEPTED} 00000000`).toString('hex'));
    const cut = await exchange(call.subarray(0, -4));
    t.equal(cut.toString('hex'), hex(GARBAGE_ARGS).toString('hex'), 'cut short');
    t.equal(lines.length, logged, 'a refusal is logged, since the client gets no answer');
  });
}
