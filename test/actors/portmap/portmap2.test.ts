import t from 'tap';
import { portmap2 } from '#actors/portmap/portmap2.ts';
import { PMAPPROC } from '#protocols/portmap.ts';
import { callFrom } from '../../support/rpc/call.ts';
import { hex } from '../../support/hex.ts';
import { ACCEPTED } from '../../support/mount.ts';
import { entry, portMapper, portmapCall, tableOf, testThatAllWereCalled } from '../../support/portmap.ts';
import { servePrograms } from '../../support/rpc/service.ts';

const table = () =>
  tableOf(
    entry('tcp', 2049),
    entry('tcp6', 2050),
    entry('udp', 2049, { program: 100005, version: 1 }),
    entry('udp', 2051, { program: 100005, version: 3 }),
    entry('tcp6', 999, { program: 7, version: 1 }),
  );

const call = (procedure: string, args = '') => portmapCall('00000002', procedure, args);

const cases = [
  { name: 'NULL', call: call('00000000'), reply: `${ACCEPTED} 00000000` },
  {
    name: 'GETPORT of NFS, version 3, TCP',
    call: call('00000003', '000186a3 00000003 00000006 00000000'),
    reply: `${ACCEPTED} 00000000 00000801`,
  },
  {
    name: 'GETPORT over a transport that the program does not have: 0',
    call: call('00000003', '000186a3 00000003 00000011 00000000'),
    reply: `${ACCEPTED} 00000000 00000000`,
  },
  {
    name: 'GETPORT over an unknown protocol: 0',
    call: call('00000003', '000186a3 00000003 00000063 00000000'),
    reply: `${ACCEPTED} 00000000 00000000`,
  },
  {
    name: 'GETPORT of a program that is not served: 0',
    call: call('00000003', '000186b5 00000001 00000006 00000000'),
    reply: `${ACCEPTED} 00000000 00000000`,
  },
  {
    name: 'GETPORT of another version: the port of the highest version',
    call: call('00000003', '000186a5 00000002 00000011 00000000'),
    reply: `${ACCEPTED} 00000000 00000803`,
  },
  {
    name: 'GETPORT of a program that only IPv6 has: that port',
    call: call('00000003', '00000007 00000001 00000006 00000000'),
    reply: `${ACCEPTED} 00000000 000003e7`,
  },
  {
    name: 'GETPORT cut short: GARBAGE_ARGS',
    call: call('00000003', '000186a3 00000003 00000006'),
    reply: `${ACCEPTED} 00000004`,
  },
  {
    name: 'DUMP: the programs over IPv4',
    call: call('00000004'),
    reply: `${ACCEPTED} 00000000
      00000001 000186a3 00000003 00000006 00000801    // NFS, version 3, TCP, 2049
      00000001 000186a5 00000001 00000011 00000801    // MOUNT, version 1, UDP, 2049
      00000001 000186a5 00000003 00000011 00000803    // MOUNT, version 3, UDP, 2051
      00000000`,
  },
  {
    name: 'SET: refused',
    call: call('00000001', '000186a3 00000003 00000006 00000001'),
    reply: `${ACCEPTED} 00000000 00000000`,
  },
  {
    name: 'UNSET: refused',
    call: call('00000002', '000186a3 00000003 00000006 00000801'),
    reply: `${ACCEPTED} 00000000 00000000`,
  },
  {
    name: 'CALLIT: PROC_UNAVAIL',
    call: call('00000005', '000186a3 00000003 00000000 00000000'),
    reply: `${ACCEPTED} 00000003`,
  },
  { name: 'version 5: PROG_MISMATCH, from 2 to 4', call: portmapCall('00000005', '00000000'), reply: `${ACCEPTED} 00000002 00000002 00000004` },
]; // prettier-ignore

for (const { name, call, reply } of cases) {
  t.test(name, async t => {
    const mapped = table();
    const { exchange } = await servePrograms(t, portMapper(mapped));
    t.equal((await exchange(call)).toString('hex'), hex(reply).toString('hex'));
    t.equal(mapped.size, 5);
  });
}

t.test('over UDP only callers on this machine get the list', async t => {
  const program = portmap2(table());
  const dump = (address: string, transport: 'tcp' | 'udp') =>
    program.actors[PMAPPROC.DUMP]!.run(program.contextOf(callFrom(address, transport)), undefined) as unknown[];
  t.equal(dump('127.0.0.1', 'udp').length, 3);
  t.equal(dump('10.0.0.1', 'tcp').length, 3);
  t.equal(dump('10.0.0.1', 'udp').length, 0);
});

testThatAllWereCalled(t, portmap2(table()));
