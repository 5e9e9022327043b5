/** Text that is printed for people: mount commands, tables, sizes. */
import t from 'tap';
import { linuxMount, macMount, quoted, reachableHosts } from '#src/cli/commands/banner.ts';
import { bytes, duration, table } from '#src/cli/table.ts';

t.test('mount commands are quoted', async t => {
  const at = { host: '::1', port: 3049, path: '/my data', insecure: false };
  const options = 'vers=3,proto=tcp6,port=3049,mountport=3049,mountproto=tcp6,nolock';
  t.equal(linuxMount(at), `mount -t nfs -o ${options} '[::1]:/my data' /mnt`);
  t.equal(
    macMount({ ...at, host: '10.0.0.1', path: "/it's" }),
    "mount -t nfs -o vers=3,tcp,port=3049,mountport=3049,nolocks,locallocks,resvport '10.0.0.1:/it'\\''s' /mnt",
  );
  t.notMatch(macMount({ ...at, insecure: true }), 'resvport');
  t.equal(quoted('a;b'), "'a;b'");
});

t.test('the address by which a server is reached', async t => {
  const address = (family: 'IPv4' | 'IPv6', address: string, internal: boolean) =>
    ({ family, address, internal, netmask: '', mac: '', cidr: null, scopeid: 0 }) as const;
  const lo = [address('IPv4', '127.0.0.1', true)];
  const both = { lo, eth0: [address('IPv6', 'fd00::5', false), address('IPv4', '10.0.0.5', false)] };
  const six = { lo, eth0: [address('IPv6', 'fd00::5', false)] };
  const link = { ...address('IPv6', 'fe80::5', false), scopeid: 2 };
  const many = { ...both, eth1: [address('IPv4', '10.1.0.5', false), link] };
  t.strictSame(reachableHosts('192.0.2.1', both), ['192.0.2.1']);
  t.strictSame(reachableHosts('0.0.0.0', both), ['10.0.0.5']);
  t.strictSame(reachableHosts('::', both), ['10.0.0.5', 'fd00::5']);
  t.strictSame(reachableHosts('::', six), ['fd00::5']);
  t.strictSame(reachableHosts('0.0.0.0', { lo }), ['127.0.0.1']);
  t.strictSame(reachableHosts('::', many), ['10.0.0.5', '10.1.0.5', 'fd00::5']);
});

t.test('tables', async t => {
  const rows = [
    ['short', 5],
    ['a longer one', 12],
  ];
  t.equal(table(['NAME', 'COUNT'], rows), 'NAME          COUNT\nshort             5\na longer one     12\n');
  t.equal(table(['NAME'], [['\u001b[31m']]), 'NAME\n\\u{1b}[31m\n', 'text from a client does not control the terminal');
});

t.test('sizes and times are readable', async t => {
  t.strictSame([0, 1023, 1024, 1536, 200 * 1024, 5 * 2 ** 30].map(bytes), [
    '0 B',
    '1023 B',
    '1.0 KiB',
    '1.5 KiB',
    '200 KiB',
    '5.0 GiB',
  ]);
  t.strictSame([0, 59, 61, 3600, 90_061].map(duration), ['0 s', '59 s', '1 min 1 s', '1 h 0 min', '1 d 1 h']);
});
