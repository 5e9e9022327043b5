import t from 'tap';
import { parseIp } from '#src/rpc/ip.ts';
import { ownAddresses, reachableUaddr } from '#src/rpcsvc/reachable.ts';
import type { PortEntry } from '#src/rpc/port-table.ts';

const own = () => [
  { ip: parseIp('127.0.0.1')!, prefix: 8 },
  { ip: parseIp('192.168.1.5')!, prefix: 24 },
  { ip: parseIp('10.0.0.5')!, prefix: 16 },
  { ip: parseIp('::1')!, prefix: 128 },
  { ip: parseIp('2001:db8::5')!, prefix: 64 },
];

const at = (address: string): PortEntry => ({
  name: 'NFS',
  program: 100003,
  version: 3,
  netid: address.includes(':') ? 'tcp6' : 'tcp',
  address,
  port: 2049,
  owner: '',
});

const cases = [
  {
    name: 'one address: that one',
    listens: '10.0.0.5',
    peer: '192.168.1.9',
    hint: '192.168.1.5.0.111',
    is: '10.0.0.5.8.1',
  },
  {
    name: 'the caller says how it came here',
    listens: '0.0.0.0',
    peer: '10.0.9.9',
    hint: '203.0.113.1.0.111',
    is: '203.0.113.1.8.1',
  },
  { name: 'the network the caller is on', listens: '0.0.0.0', peer: '10.0.9.9', hint: '', is: '10.0.0.5.8.1' },
  { name: 'this machine itself', listens: '0.0.0.0', peer: '127.0.0.1', hint: '', is: '127.0.0.1.8.1' },
  {
    name: 'from afar: one that is not the loopback',
    listens: '0.0.0.0',
    peer: '203.0.113.9',
    hint: '',
    is: '192.168.1.5.8.1',
  },
  { name: 'IPv6, near', listens: '::', peer: '2001:db8::99', hint: '', is: '2001:db8::5.8.1' },
  { name: 'IPv6, from afar', listens: '::', peer: '2001:db9::99', hint: '', is: '2001:db8::5.8.1' },
  {
    name: 'a hint of the other family does not help',
    listens: '0.0.0.0',
    peer: '10.0.9.9',
    hint: '::1.0.111',
    is: '10.0.0.5.8.1',
  },
  {
    name: 'a hint that is a wildcard does not help',
    listens: '0.0.0.0',
    peer: '10.0.9.9',
    hint: '0.0.0.0.0.111',
    is: '10.0.0.5.8.1',
  },
];

for (const { name, listens, peer, hint, is } of cases) {
  t.test(name, async t => {
    t.equal(reachableUaddr(at(listens), peer, hint, own), is);
  });
}

t.test('without any address of the family, the wildcard is all there is to say', async t => {
  t.equal(
    reachableUaddr(at('0.0.0.0'), '10.0.0.1', '', () => []),
    '0.0.0.0.8.1',
  );
});

t.test('this machine has a loopback address', async t => {
  t.ok(ownAddresses().some(({ ip, prefix }) => ip.words[0] === 0x7f000001 && prefix === 8));
});
