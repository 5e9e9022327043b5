import t from 'tap';
import { HostNames } from '#src/xlators/nfs/server/exports/host-names.ts';
import { HostRules } from '#src/xlators/nfs/server/exports/hosts.ts';

const where = 'test.vol:7';
const noNames = new HostNames({
  addressesOf: () => Promise.reject(new Error('no names in this test')),
  namesOf: () => Promise.reject(new Error('no names in this test')),
});

const cases: [list: string, address: string, rule: string | undefined][] = [
  ['*', '10.0.0.1', '*'],
  ['all', '2001:db8::1', 'all'],
  ['none', '10.0.0.1', undefined],
  ['10.0.0.1', '10.0.0.1', '10.0.0.1'],
  ['10.0.0.1', '10.0.0.2', undefined],
  ['10.0.0.1', '::ffff:10.0.0.1', '10.0.0.1'],
  ['::ffff:10.0.0.1', '10.0.0.1', '::ffff:10.0.0.1'],
  ['192.168.1.0/24', '192.168.1.255', '192.168.1.0/24'],
  ['192.168.1.0/24', '192.168.2.0', undefined],
  ['192.168.0.0/255.255.0.0', '192.168.77.1', '192.168.0.0/255.255.0.0'],
  ['::ffff:10.0.0.0/104', '10.9.9.9', '::ffff:10.0.0.0/104'],
  ['::ffff:10.0.0.0/104', '11.9.9.9', undefined],
  ['0.0.0.0/0', '203.0.113.1', '0.0.0.0/0'],
  ['0.0.0.0/0', '::1', undefined],
  ['::/0', '10.0.0.1', undefined],
  ['::/0', '2001:db8::1', '::/0'],
  ['2001:db8::/33', '2001:db8:7fff::1', '2001:db8::/33'],
  ['2001:db8::/33', '2001:db8:8000::1', undefined],
  ['2001:DB8:0::1', '2001:db8::1', '2001:DB8:0::1'],
  ['fe80::1', 'fe80::1%eth0', 'fe80::1'],
  ['192.168.*', '192.168.3.4', '192.168.*'],
  ['192.168.*', '193.168.3.4', undefined],
  ['192.168.*.7', '192.168.3.7', '192.168.*.7'],
  ['192.168.?.7', '192.168.33.7', undefined],
  ['192.168.1?.7', '192.168.12.7', '192.168.1?.7'],
  ['2001:db8:*', '2001:db8::9', '2001:db8:*'],
  ['2001:0DB8:0:*', '2001:db8:0:1::9', '2001:0DB8:0:*'],
  ['2001:db8:0:*', '2001:db8:1::9', undefined],
  ['1:2:3:4:5:6:7:*', '1:2:3:4:5:6:7:8', '1:2:3:4:5:6:7:*'],
  ['10.0.0.1,10.0.0.2|10.0.0.3 10.0.0.4', '10.0.0.3', '10.0.0.3'],
  ['10.0.0.0/8,10.0.0.1', '10.0.0.1', '10.0.0.0/8'],
  [' 10.0.0.1 , ', '10.0.0.1', '10.0.0.1'],
];

for (const [list, address, rule] of cases) {
  t.test(`${address} is ${rule === undefined ? 'not ' : ''}in ${list}`, async t => {
    const rules = HostRules.parse(list, where, noNames);
    const expected = { allowed: rule !== undefined, rule: rule ?? list.trim(), where };
    t.strictSame(rules.match(address), expected);
    t.strictSame(rules.match(address), expected, 'the same again, from the cache');
  });
}

t.test('a word that is not a host is refused, with what was expected', async t => {
  const bad = [
    '',
    ' ',
    '10.0.0',
    '10.0.0.256',
    '10.0.0.0/33',
    '10.0.0.0/',
    '::/129',
    '10.0.0.0/255.0.255.0',
    'a..b',
    '-a',
    '@group',
    'a_*[b]',
    'a/b',
    '::1/255.0.0.0',
    'x'.repeat(254),
    '::ffff:10.0.0.0/95',
    '192.168.1.7/24', // There are more cases in test/security/exports/options.test.ts.
    'fe80::1%eth0',
    '10.0.0.1,none',
    '2001:db8::*',
    'a.*..org',
  ];
  for (const list of bad) {
    t.throws(
      () => HostRules.parse(list, where),
      { name: 'VolfileError', message: /^test\.vol:7: expected .*found / },
      list,
    );
  }
});

t.test('text that is not an address is in no list, not even in *', async t => {
  t.match(HostRules.parse('*', where).match('nonsense'), { allowed: false, rule: /no address/ });
});

t.test('a list knows whether it admits every client', async t => {
  const everyone = (list: string) => HostRules.parse(list, where, noNames).everyone;
  t.strictSame(
    ['*', 'all', '10.0.0.1,*', '0.0.0.0/0', '::/0'].filter(list => !everyone(list)),
    [],
  );
  t.strictSame(['none', '10.0.0.0/8', '10.*', '*.example.org', '::1'].filter(everyone), []);
});

t.test('directories and their hosts are parsed', async t => {
  const parse = (text: string) =>
    HostRules.parseDirs(text, where, noNames).map(({ dir, hosts }) => ({ dir, hosts: hosts?.words }));
  t.strictSame(parse('/dir1(host1|192.168.1.0/24|*.example.org),/dir2'), [
    { dir: '/dir1', hosts: ['host1', '192.168.1.0/24', '*.example.org'] },
    { dir: '/dir2', hosts: undefined },
  ]);
  t.strictSame(parse(' /a b/c , /d(10.0.0.1) '), [
    { dir: '/a b/c', hosts: undefined },
    { dir: '/d', hosts: ['10.0.0.1'] },
  ]);
  for (const bad of [
    '',
    'dir',
    '/a,',
    '/a,,/b',
    '/a(',
    '/a(h',
    '/a()',
    '/a)',
    '/a(h)b',
    '/a(h)(i)',
    '/a(10.0.0.256)',
    '(h)',
  ]) {
    t.throws(() => HostRules.parseDirs(bad, where), { name: 'VolfileError', message: /^test\.vol:7: expected / }, bad);
  }
});

function fakeNames(names: Record<string, string[]>, back: Record<string, string[]> = {}) {
  const asked: string[] = [];
  let nowMs = 0;
  const service = {
    async addressesOf(name: string) {
      asked.push(name);
      if (!names[name]) throw Object.assign(new Error('not found'), { code: 'ENOTFOUND' });
      return names[name];
    },
    async namesOf(address: string) {
      asked.push(address);
      if (!back[address]) throw Object.assign(new Error('not found'), { code: 'ENOTFOUND' });
      return back[address];
    },
  };
  return { asked, names: new HostNames(service, () => nowMs), advance: (ms: number) => (nowMs += ms) };
}

t.test('a host name matches once it has been looked up; until then the reason is given', async t => {
  const { names } = fakeNames({ 'host1.example.org': ['10.0.0.1', '::ffff:10.0.0.2'], host2: ['2001:db8:0::2'] });
  const rules = HostRules.parse('Host1.Example.org,host2,host3', where, names);
  t.match(rules.match('10.0.0.2'), { allowed: false, rule: /Host1\.Example\.org is being looked up/, where });
  await rules.ready('10.0.0.2');
  t.strictSame(rules.match('10.0.0.2'), { allowed: true, rule: 'Host1.Example.org', where });
  t.strictSame(rules.match('2001:db8::2'), { allowed: true, rule: 'host2', where });
  t.match(rules.match('10.0.0.9'), { allowed: false, rule: /host3 cannot be looked up \(ENOTFOUND\)/ });
});

t.test('a pattern of names needs a name that resolves back to the address', async t => {
  const { names } = fakeNames(
    { 'a.example.org': ['10.0.0.1'], 'b.example.org': ['10.0.0.99'] },
    { '10.0.0.1': ['A.example.org'], '10.0.0.2': ['b.example.org'], '10.0.0.3': ['x.other.org'] },
  );
  const rules = HostRules.parse('*.example.org', where, names);
  for (const address of ['10.0.0.1', '10.0.0.2', '10.0.0.3', '10.0.0.4']) {
    t.match(rules.match(address), { allowed: false, rule: /is being looked up/ });
    await rules.ready(address);
  }
  t.strictSame(rules.match('10.0.0.1'), { allowed: true, rule: '*.example.org', where });
  t.match(rules.match('10.0.0.2'), { allowed: false, rule: /10\.0\.0\.2 has no name that leads back to it/ });
  t.match(rules.match('10.0.0.3'), { allowed: false });
  t.match(rules.match('10.0.0.4'), { allowed: false, rule: /10\.0\.0\.4 cannot be looked up/ });
});

t.test('names are not looked up if an address decides', async t => {
  const { asked, names } = fakeNames({});
  HostRules.parse('10.0.0.0/8,host1', where, names).match('10.0.0.1');
  t.strictSame(asked, []);
});

t.test('`ready` waits no longer than its limit', async t => {
  const names = new HostNames({ addressesOf: () => new Promise(() => {}), namesOf: () => new Promise(() => {}) });
  const rules = HostRules.parse('host1', where, names);
  await rules.ready('10.0.0.1', 10);
  t.notOk(rules.match('10.0.0.1').allowed);
});
