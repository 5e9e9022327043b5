/** The NLM program on a port of its own, and NLM calls in hex. */
import pino from 'pino';
import t, { type Test } from 'tap';
import { nlm4 } from '#actors/nlm4/program.ts';
import { hex } from './hex.ts';
import { servePrograms } from './rpc/service.ts';

export async function serveNlm(t: Test) {
  const lines: Record<string, unknown>[] = [];
  const log = pino({ base: null }, { write: line => void lines.push(JSON.parse(line) as Record<string, unknown>) });
  const served = await servePrograms(t, [nlm4(log)]);
  return { ...served, lines };
}

/** A call of NLM4. `procedure` has eight hex digits. */
export const nlmCall = (procedure: string, args = ''): Buffer =>
  hex(`
  0000002a 00000000 00000002            // xid 42, CALL, RPC version 2
  000186b5 00000004 ${procedure}        // NLM version 4
  00000000 00000000 00000000 00000000   // cred and verf: AUTH_NONE
  ${args}`);

/** The header of an accepted reply with an empty verifier, without the accept_stat that follows. */
export const ACCEPTED = '0000002a 00000001 00000000 00000000 00000000';
export const GARBAGE_ARGS = `${ACCEPTED} 00000004`;

export const COOKIE = '00000005 c0ffee0001000000'; // Five bytes, padded to eight.
export const NO_COOKIE = '00000000';

/** An nlm4_lock of bytes 0 to 2^63 - 1, as Linux asks for a whole file. */
export const ALOCK = `
  0000000c 6c696e75 782d636c 69656e74          // caller_name: "linux-client"
  0000000a 6e66732d 68616e64 6c650000          // fh: 10 bytes
  00000007 31403132 372e3000                   // oh: "1@127.0"
  00000001                                     // svid
  00000000 00000000 7fffffff ffffffff          // l_offset, l_len
`;

/** An nlm4_share that asks for read access and denies write access. */
export const SHARE = `
  0000000c 6c696e75 782d636c 69656e74          // caller_name: "linux-client"
  0000000a 6e66732d 68616e64 6c650000          // fh
  00000007 31403132 372e3000                   // oh
  00000002 00000001                            // fsm_DW, fsa_R
`;

export interface NlmCase {
  readonly name: string;
  readonly args: string;
  /** What follows the reply's header, from the accept_stat on. */
  readonly reply: string;
  /** A refused lock, which the server logs. */
  readonly logged?: boolean;
}

const refusal = { level: 40, client: '127.0.0.1', msg: /mount with -o nolock/ };

/**
 * Runs each case against a server of its own. Also tests that arguments that are cut short or too long are
 * GARBAGE_ARGS.
 */
export function nlmCases(procedure: string, cases: readonly NlmCase[]): void {
  for (const { name, args, reply, logged } of cases) {
    t.test(name, async t => {
      const { exchange, lines } = await serveNlm(t);
      const got = await exchange(nlmCall(procedure, args));
      t.equal(got.toString('hex'), hex(`${ACCEPTED} ${reply}`).toString('hex'));
      t.match(lines, logged ? [refusal] : []);
      t.equal(lines.length, logged ? 1 : 0);
    });
  }
  t.test('invalid arguments are GARBAGE_ARGS, and the next call is answered', async t => {
    const { exchange, lines } = await serveNlm(t);
    const { args, reply } = cases[0]!;
    const whole = hex(args).toString('hex');
    for (const junk of [whole.slice(0, -8), `${whole}00000000`, 'ffffffff']) {
      const got = await exchange(nlmCall(procedure, junk));
      t.equal(got.toString('hex'), hex(GARBAGE_ARGS).toString('hex'), junk);
    }
    t.equal(lines.length, 0);
    const next = await exchange(nlmCall(procedure, args));
    t.equal(next.toString('hex'), hex(`${ACCEPTED} ${reply}`).toString('hex'));
  });
}
