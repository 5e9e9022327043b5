import t from 'tap';
import { hex } from '../support/hex.ts';
import { echo } from '../support/rpc/echo.ts';
import { servePrograms } from '../support/rpc/service.ts';

const none = '00000000 00000000';
const call = (proc: string, args = '', cred = none, verf = none) => `
  0000002a 00000000 00000002    // xid 42, CALL, RPC version 2
  20000001 00000002 ${proc}     // program, version, procedure
  ${cred}
  ${verf}
  ${args}`;
const accepted = '0000002a 00000001 00000000 00000000 00000000';
const denied = '0000002a 00000001 00000001';
const sys = `
  00000001 00000018             // AUTH_SYS, 24 bytes
  00000000 00000001 68000000    // stamp, machinename "h"
  000003e8 000003e9 00000000    // uid 1000, gid 1001, no gids`;

const cases = [
  { name: 'NULL', call: call('00000000'), reply: `${accepted} 00000000` },
  { name: 'an echo', call: call('00000001', '00000003 61626300'), reply: `${accepted} 00000000 00000003 61626300` },
  {
    name: 'an echo later',
    call: call('00000002', '00000001 61000000'),
    reply: `${accepted} 00000000 00000001 61000000`,
  },
  {
    name: 'RPC version 3: RPC_MISMATCH, from 2 to 2',
    call: '0000002a 00000000 00000003 20000001 00000002 00000000 00000000 00000000 00000000 00000000',
    reply: `${denied} 00000000 00000002 00000002`,
  },
  {
    name: 'RPC version 3, and nothing behind it: RPC_MISMATCH all the same',
    call: '0000002a 00000000 00000003',
    reply: `${denied} 00000000 00000002 00000002`,
  },
  {
    name: 'a program that is not here: PROG_UNAVAIL',
    call: `0000002a 00000000 00000002 20000009 00000002 00000000 ${none} ${none}`,
    reply: `${accepted} 00000001`,
  },
  {
    name: 'another version: PROG_MISMATCH, from 2 to 2',
    call: `0000002a 00000000 00000002 20000001 00000001 00000000 ${none} ${none}`,
    reply: `${accepted} 00000002 00000002 00000002`,
  },
  { name: 'no such procedure: PROC_UNAVAIL', call: call('00000063'), reply: `${accepted} 00000003` },
  { name: 'arguments cut short: GARBAGE_ARGS', call: call('00000001', '00000008 61'), reply: `${accepted} 00000004` },
  {
    name: 'bytes behind the arguments: GARBAGE_ARGS',
    call: call('00000000', '00000000'),
    reply: `${accepted} 00000004`,
  },
  { name: 'an actor that throws: SYSTEM_ERR', call: call('00000003'), reply: `${accepted} 00000005` },
  { name: 'an actor that rejects: SYSTEM_ERR', call: call('00000004'), reply: `${accepted} 00000005` },
  { name: 'a result that cannot be encoded: SYSTEM_ERR', call: call('00000007'), reply: `${accepted} 00000005` },
  {
    name: 'AUTH_NONE where AUTH_SYS is wanted: AUTH_TOOWEAK',
    call: call('00000006'),
    reply: `${denied} 00000001 00000005`,
  },
  { name: 'AUTH_SYS where it is wanted', call: call('00000006', '', sys), reply: `${accepted} 00000000` },
  {
    name: 'AUTH_SYS cut short: AUTH_BADCRED',
    call: call('00000000', '', '00000001 00000008 00000000 00000001'),
    reply: `${denied} 00000001 00000001`,
  },
  {
    name: 'AUTH_SYS with 17 groups: AUTH_BADCRED',
    call: call(
      '00000000',
      '',
      `00000001 00000058 00000000 00000000 00000000 00000000 00000011 ${'00000001'.repeat(17)}`,
    ),
    reply: `${denied} 00000001 00000001`,
  },
  {
    name: 'AUTH_SYS with a verifier: AUTH_BADVERF',
    call: call('00000000', '', sys, '00000001 00000000'),
    reply: `${denied} 00000001 00000003`,
  },
  {
    name: 'credentials of 404 bytes: AUTH_BADCRED',
    call: call('00000000', '', `00000001 00000194 ${'00'.repeat(404)}`),
    reply: `${denied} 00000001 00000001`,
  },
  {
    name: 'credentials that end before their length says: AUTH_BADCRED',
    call: '0000002a 00000000 00000002 20000001 00000002 00000000 00000001 00000010',
    reply: `${denied} 00000001 00000001`,
  },
  {
    name: 'an unknown flavor: AUTH_REJECTEDCRED',
    call: call('00000000', '', '00000006 00000000'),
    reply: `${denied} 00000001 00000002`,
  },
];

for (const { name, call, reply } of cases) {
  t.test(name, async t => {
    const { exchange } = await servePrograms(t, [echo]);
    t.equal((await exchange(hex(call))).toString('hex'), hex(reply).toString('hex'));
    t.equal((await exchange(hex(call))).toString('hex'), hex(reply).toString('hex'), 'and the connection goes on');
  });
}

for (const [name, record] of Object.entries({
  'a reply instead of a call': '0000002a 00000001 00000000 00000000 00000000 00000000',
  'a record of nothing': '',
  'a record of junk': 'ffffffff ffffffff',
  'a header that ends in the middle': '0000002a 00000000 00000002 20000001',
})) {
  t.test(`${name}: the connection is closed`, async t => {
    const { exchange, connect } = await servePrograms(t, [echo]);
    await t.rejects(exchange(hex(record)), /closed the connection/);
    const next = await connect().exchange(hex(call('00000000')));
    t.equal(next.toString('hex'), hex(`${accepted} 00000000`).toString('hex'), 'and the server goes on');
  });
}
