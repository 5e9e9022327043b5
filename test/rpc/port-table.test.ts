import t from 'tap';
import { isNetid, type PortEntry, PortTable } from '#src/rpc/port-table.ts';

const entry = (version: number, port: number, netid: PortEntry['netid'] = 'tcp'): PortEntry => ({
  name: 'TEST',
  program: 100005,
  version,
  netid,
  address: '0.0.0.0',
  port,
  owner: 'me',
});

t.test('an entry is found by program, version and transport', async t => {
  const table = new PortTable();
  table.add(entry(1, 10));
  table.add(entry(3, 30));
  table.add(entry(3, 31, 'udp'));
  t.equal(table.findExact(100005, 3, 'tcp')?.port, 30);
  t.equal(table.findExact(100005, 3, 'udp')?.port, 31);
  t.equal(table.findExact(100005, 2, 'tcp'), undefined);
  t.equal(table.find(100005, 1, 'tcp')?.port, 10);
  t.equal(table.find(100005, 2, 'tcp')?.port, 30, 'another version: the highest');
  t.equal(table.find(100005, 3, 'tcp6'), undefined);
  t.equal(table.find(100003, 3, 'tcp'), undefined);
});

t.test('a later entry takes the place of an earlier one, and entries go', async t => {
  const table = new PortTable();
  table.add(entry(3, 30));
  table.add(entry(3, 40));
  t.strictSame(
    [...table].map(({ port }) => port),
    [40],
  );
  t.ok(table.remove(100005, 3, 'tcp'));
  t.notOk(table.remove(100005, 3, 'tcp'));
  t.equal(table.size, 0);
});

t.test('netids are the four of RFC 5665 and no words of Object', async t => {
  t.strictSame(['tcp', 'udp', 'tcp6', 'udp6', 'local', 'toString', ''].map(isNetid), [
    true,
    true,
    true,
    true,
    false,
    false,
    false,
  ]);
});
