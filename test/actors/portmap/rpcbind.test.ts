import { endianness } from 'node:os';
import t from 'tap';
import { rpcbind3, rpcbind4 } from '#actors/portmap/rpcbind.ts';
import { RPCBPROC4 } from '#protocols/rpcbind.ts';
import { callFrom } from '../../support/rpc/call.ts';
import { hex } from '../../support/hex.ts';
import { ACCEPTED } from '../../support/mount.ts';
import { entry, portMapper, portmapCall, tableOf, testThatAllWereCalled } from '../../support/portmap.ts';
import { servePrograms } from '../../support/rpc/service.ts';

const table = () =>
  tableOf(entry('tcp', 2049), entry('tcp6', 2049), entry('udp', 2051, { program: 100005, version: 1 }));

const tcp = '00000003 74637000';
const udp = '00000003 75647000';
const tcp6 = '00000004 74637036';
const none = '00000000';
const nfs = '000186a3 00000003';
const mount3 = '000186a5 00000003';
const three = '00000003';
const four = '00000004';
const uaddrTcp = '0000000d 3132372e 302e302e 312e382e 31000000'; // "127.0.0.1.8.1"
const uaddrUdp = '0000000d 3132372e 302e302e 312e382e 33000000'; // "127.0.0.1.8.3"
const uaddrTcp6 = '00000007 3a3a312e 382e3100'; //                  "::1.8.1"
const owner = '00000008 62726963 6b6e6673'; //                      "bricknfs"

const both = (name: string, procedure: string, args: string, reply: string) =>
  [three, four].map(version => ({
    name: `version ${Number(version)}, ${name}`,
    call: portmapCall(version, procedure, args),
    reply: `${ACCEPTED} ${reply}`,
  }));

const cases = [
  ...both('NULL', '00000000', '', '00000000'),
  ...both('GETADDR of NFS over TCP', '00000003', `${nfs} ${tcp} ${none} ${none}`, `00000000 ${uaddrTcp}`),
  ...both('GETADDR of NFS over TCP and IPv6', '00000003', `${nfs} ${tcp6} ${none} ${none}`, `00000000 ${uaddrTcp6}`),
  ...both('GETADDR without a netid: the transport of the call', '00000003', `${nfs} ${none} ${none} ${none}`, `00000000 ${uaddrTcp}`),
  ...both('GETADDR over a transport that the program does not have', '00000003', `${nfs} ${udp} ${none} ${none}`, '00000000 00000000'),
  ...both('GETADDR of another version', '00000003', `${mount3} ${udp} ${none} ${none}`, `00000000 ${uaddrUdp}`),
  ...both('GETADDR cut short: GARBAGE_ARGS', '00000003', `${nfs} ${tcp} ${none}`, '00000004'),
  ...both('GETADDR, a netid of 1,025 bytes: GARBAGE_ARGS', '00000003', `${nfs} 00000401 ${'78'.repeat(1028)} ${none} ${none}`, '00000004'),
  ...both('DUMP', '00000004', '', `00000000
      00000001 ${nfs} ${tcp} ${uaddrTcp} ${owner}
      00000001 ${nfs} ${tcp6} ${uaddrTcp6} ${owner}
      00000001 000186a5 00000001 ${udp} ${uaddrUdp} ${owner}
      00000000`),
  ...both('SET: refused', '00000001', `${nfs} ${udp} ${uaddrUdp} ${owner}`, '00000000 00000000'),
  ...both('UNSET: refused', '00000002', `${nfs} ${tcp} ${none} ${none}`, '00000000 00000000'),
  ...both('CALLIT or BCAST is not served', '00000005', '000186a3 00000003 00000000 00000000', '00000003'),
  ...both('UADDR2TADDR of an invalid address: an empty one', '00000007', '00000003 61626300', '00000000 00000000 00000000'),
  ...both('TADDR2UADDR of an invalid address: an empty one', '00000008', '00000010 00000004 ffffffff', '00000000 00000000'),
  {
    name: 'version 4, GETVERSADDR of a version that is served',
    call: portmapCall(four, '00000009', `${nfs} ${tcp} ${none} ${none}`),
    reply: `${ACCEPTED} 00000000 ${uaddrTcp}`,
  },
  {
    name: 'version 4, GETVERSADDR of a version that is not served',
    call: portmapCall(four, '00000009', `${mount3} ${udp} ${none} ${none}`),
    reply: `${ACCEPTED} 00000000 00000000`,
  },
  {
    name: 'version 4, GETADDRLIST: on all transports',
    call: portmapCall(four, '0000000b', `${nfs} ${none} ${none} ${none}`),
    reply: `${ACCEPTED} 00000000
      00000001 ${uaddrTcp} ${tcp} 00000003 00000004 696e6574 ${tcp}               // COTS_ORD, "inet"
      00000001 ${uaddrTcp6} ${tcp6} 00000003 00000005 696e6574 36000000 ${tcp}    // "inet6"
      00000000`,
  },
  { name: 'version 4, INDIRECT is not served', call: portmapCall(four, '0000000a'), reply: `${ACCEPTED} 00000003` },
  { name: 'version 4, GETSTAT is not served', call: portmapCall(four, '0000000c'), reply: `${ACCEPTED} 00000003` },
  { name: 'version 3 has no GETVERSADDR', call: portmapCall(three, '00000009'), reply: `${ACCEPTED} 00000003` },
]; // prettier-ignore

for (const { name, call, reply } of cases) {
  t.test(name, async t => {
    const { exchange } = await servePrograms(t, portMapper(table()));
    t.equal((await exchange(call)).toString('hex'), hex(reply).toString('hex'));
  });
}

t.test('GETTIME: seconds since 1970', async t => {
  const { exchange } = await servePrograms(t, portMapper(table()));
  for (const version of [three, four]) {
    const got = await exchange(portmapCall(version, '00000006'));
    t.equal(got.length, 28);
    t.ok(Math.abs(got.readUInt32BE(24) - Date.now() / 1000) <= 2);
  }
});

t.test('transport addresses become universal addresses and vice versa', { skip: endianness() !== 'LE' }, async t => {
  const { exchange } = await servePrograms(t, portMapper(table()));
  const sockaddr = '02000801 7f000001 00000000 00000000';
  for (const version of [three, four]) {
    const to = await exchange(portmapCall(version, '00000007', uaddrTcp));
    t.equal(to.toString('hex'), hex(`${ACCEPTED} 00000000 00000010 00000010 ${sockaddr}`).toString('hex'));
    const back = await exchange(portmapCall(version, '00000008', `00000010 00000010 ${sockaddr}`));
    t.equal(back.toString('hex'), hex(`${ACCEPTED} 00000000 ${uaddrTcp}`).toString('hex'));
  }
});

const asked = (r_netid: string, r_addr = '') => ({ r_prog: 100003, r_vers: 3, r_netid, r_addr, r_owner: '' });

t.test('a wildcard address becomes an address that the caller can reach', async t => {
  const program = rpcbind4(tableOf(entry('tcp', 2049, { address: '0.0.0.0' }), entry('tcp6', 2049, { address: '::' })));
  const run = (procedure: number, address: string, args: unknown) =>
    program.actors[procedure]!.run(program.contextOf(callFrom(address)), args);
  t.equal(run(RPCBPROC4.GETADDR, '127.0.0.1', asked('tcp')), '127.0.0.1.8.1');
  t.equal(run(RPCBPROC4.GETADDR, '203.0.113.9', asked('tcp', '198.51.100.1.0.111')), '198.51.100.1.8.1');
  t.equal(run(RPCBPROC4.GETADDR, '::1', asked('')), '::1.8.1', 'a call over IPv6');
  t.match(run(RPCBPROC4.GETADDRLIST, '203.0.113.9', asked('', '198.51.100.1.0.111')), [
    { r_maddr: '198.51.100.1.8.1' },
    {},
  ]);
});

t.test('over UDP only callers on this machine get lists', async t => {
  const program = rpcbind4(table());
  for (const [procedure, args, count] of [[RPCBPROC4.DUMP, undefined, 3], [RPCBPROC4.GETADDRLIST, asked(''), 2]] as const) {
    const list = (address: string, transport: 'tcp' | 'udp') =>
      program.actors[procedure]!.run(program.contextOf(callFrom(address, transport)), args) as unknown[];
    t.equal(list('::1', 'udp').length, count);
    t.equal(list('10.0.0.1', 'tcp').length, count);
    t.equal(list('10.0.0.1', 'udp').length, 0);
  }
}); // prettier-ignore

testThatAllWereCalled(t, rpcbind3(table()), rpcbind4(table()));
