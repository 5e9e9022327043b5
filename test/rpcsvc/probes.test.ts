/** What clients ask a server to find out which versions it has: NULL of each, as rpcinfo does it, over a whole service. */
import t from 'tap';
import { hex } from '../support/hex.ts';
import { serveNfs } from '../support/nfs.ts';
import { word } from '../support/wire.ts';

const PROGRAMS = {
  nfs: 100_003,
  mount: 100_005,
  nlm: 100_021,
  acl: 100_227,
  rquota: 100_011,
  status: 100_024,
} as const;
const SUCCESS = '00000000';
const PROG_UNAVAIL = '00000001';
const mismatch = (low: number, high: number) => `00000002 ${word(low)} ${word(high)}`;

/** Each version of each program, and the accept_stat with what follows it. */
const probes: [program: keyof typeof PROGRAMS, versions: number[], answer: string][] = [
  ['nfs', [3], SUCCESS],
  ['nfs', [0, 1, 2, 4, 0xffff_ffff], mismatch(3, 3)],
  ['mount', [1, 2, 3], SUCCESS],
  ['mount', [0, 4, 0xffff_ffff], mismatch(1, 3)],
  ['nlm', [4], SUCCESS],
  // Version 1 (and 3, of PC clients) is for NFS version 2: there is nothing here that it could lock.
  ['nlm', [0, 1, 2, 3, 5, 0xffff_ffff], mismatch(4, 4)],
  ['acl', [2, 3], PROG_UNAVAIL],
  ['rquota', [1, 2], PROG_UNAVAIL],
  ['status', [1], PROG_UNAVAIL],
];

for (const [program, versions, answer] of probes) {
  t.test(`${program}, versions ${versions.join()}`, async t => {
    const { exchange } = await serveNfs(t);
    for (const version of versions) {
      for (const credentials of ['00000000 00000000', `00000001 00000014 ${'00000000'.repeat(5)}`]) {
        const numbers = `${word(PROGRAMS[program])} ${word(version)} 00000000`;
        const call = hex(`0000002a 00000000 00000002 ${numbers} ${credentials} 00000000 00000000`);
        const reply = hex(`0000002a 00000001 00000000 00000000 00000000 ${answer}`);
        t.equal((await exchange(call)).toString('hex'), reply.toString('hex'), `version ${version}`);
      }
    }
  });
}
