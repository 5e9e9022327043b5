/**
 * Promise: an option that limits access and is not understood stops the start. `check` and `serve` refuse it with the
 * same words, beginning with `file:line`, and reloading such a volfile changes nothing.
 */
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { planServer } from '#src/server/plan.ts';
import type { ExportReport } from '#src/server/control/report.ts';
import { OPTIONS } from '#src/xlators/nfs/server/options.ts';
import { bricknfs, folders, serving } from '../../cli/harness.ts';
import { refused } from '../../cli/in-process.ts';

const { data, vol, state } = folders(t, 'data', 'vol', 'state');

/** Option lines for each layer. `data` is exported, `guard` is below it if present, and `brick` is at the bottom. */
interface Lines {
  readonly brick?: readonly string[];
  readonly guard?: readonly string[];
  readonly data?: readonly string[];
  readonly nfs?: readonly string[];
  /** The lines of a guard that no call passes through. */
  readonly idle?: readonly string[];
}

const stanza = (name: string, type: string, options: readonly string[], below = '') =>
  [`volume ${name}`, ` type ${type}`, ...options.map(line => ` option ${line}`), below, 'end-volume']
    .filter(line => line !== '')
    .join('\n');

function volfile({ brick = [], guard, data: io = [], nfs = [], idle }: Lines): string {
  return [
    stanza('brick', 'storage/posix', [`directory ${data}`, ...brick]),
    ...(guard ? [stanza('guard', 'features/read-only', guard, ' subvolumes brick')] : []),
    ...(idle ? [stanza('idle', 'features/read-only', idle, ' subvolumes brick')] : []),
    stanza('data', 'debug/io-stats', io, ` subvolumes ${guard ? 'guard' : 'brick'}`),
    stanza('nfs', 'nfs/server', ['nfs.port 0', 'rpc.register-with-portmap off', ...nfs], ' subvolumes data'),
    '',
  ].join('\n');
}

interface Case {
  readonly name: string;
  readonly lines: Lines;
  readonly overrides?: readonly string[];
  /** What the message says after the place. */
  readonly says: RegExp;
  /** The option in the volfile whose line the message names. */
  readonly at?: string;
}

/**
 * For each option of nfs/server that limits access: values that it accepts (the first is set), and one that it refuses.
 */
const VALUES: Readonly<Record<string, { good: readonly [string, string]; bad: string; emptyMeansNone?: true }>> = {
  'nfs.bind-address': { good: ['127.0.0.1', '::1'], bad: '127.0.0' },
  'nfs.*.disable': { good: ['off', 'on'], bad: 'offf' },
  'nfs.exports-auth-enable': { good: ['off', 'no'], bad: 'on' },
  'nfs3.export-volumes': { good: ['off', 'on'], bad: 'onn' }, // Otherwise the hosts of export-dir would limit nothing.
  'nfs3.export-dirs': { good: ['on', 'off'], bad: 'none' },
  // GlusterFS leaves the option behind with an empty value. It then stands for no directory besides the volume, as
  // without the option.
  'nfs3.*.export-dir': { good: ['/a(10.0.0.1)', '/b'], bad: '/a(10.0.0.1', emptyMeansNone: true },
  'nfs3.*.volume-access': { good: ['read-only', 'read-write'], bad: 'readonly' },
  'nfs3.*.squash': { good: ['root', 'all'], bad: 'root_squash' },
  'nfs3.*.anonuid': { good: ['99', '98'], bad: 'nobody' },
  'nfs3.*.anongid': { good: ['99', '98'], bad: '-2' },
  'rpc-auth.auth-null': { good: ['off', 'on'], bad: 'of' },
  'rpc-auth.auth-null.*': { good: ['off', 'on'], bad: 'of' },
  'rpc-auth.auth-unix': { good: ['off', 'on'], bad: 'never' },
  'rpc-auth.auth-unix.*': { good: ['off', 'on'], bad: 'never' },
  'rpc-auth.addr.allow': { good: ['10.0.0.0/8', '10.0.0.1'], bad: '10.0.0.0/33' },
  'rpc-auth.addr.namelookup': { good: ['off', 'on'], bad: 'maybe' },
  'rpc-auth.addr.reject': { good: ['10.0.0.1', '10.0.0.2'], bad: '@admins' },
  'rpc-auth.addr.*.allow': { good: ['10.0.0.0/8', '10.0.0.1'], bad: '10.0.0.1/8' },
  'rpc-auth.addr.*.reject': { good: ['10.0.0.1', 'none'], bad: '!10.0.0.1' },
  'rpc-auth.ports.insecure': { good: ['off', 'on'], bad: 'yess' },
  'rpc-auth.ports.*.insecure': { good: ['off', 'on'], bad: 'yess' },
};

const inNfs = (line: string): Lines => ({ nfs: [line] });

function casesOf(key: string): Case[] {
  const { good, bad, emptyMeansNone = false } = VALUES[key]!;
  const option = key.replace('*', 'data');
  const misspelt = option.slice(0, -2) + option.slice(-1);
  const override = (what: string, value: string) => `nfs.${what}=${value}`;
  const empty: Case[] = [
    { name: 'empty value', lines: inNfs(`${option} ""`), at: option, says: /expected .*found ""/ },
    { name: 'empty value', lines: {}, overrides: [override(option, '')], says: /expected .*found ""/ },
  ];
  const cases: Case[] = [
    ...(emptyMeansNone ? [] : empty),
    { name: 'name misspelt', lines: inNfs(`${misspelt} ${good[0]}`), at: misspelt, says: /found "/ },
    { name: 'value misspelt', lines: inNfs(`${option} ${bad}`), at: option, says: /expected .*found "/ },
    {
      name: 'given twice',
      lines: { nfs: [`${option} ${good[0]}`, `${option} ${good[1]}`] },
      says: /expected option ".*" once, but it is also set at .*:\d+$/,
    },
    {
      name: 'in the wrong layer',
      lines: { data: [`${option} ${good[0]}`] },
      at: option,
      says: /expected option .* in a volume of type nfs\/server, found ".*" in volume "data" \(debug\/io-stats\)/,
    },
    {
      name: 'in the brick',
      lines: { brick: [`${option} ${good[0]}`] },
      at: option,
      says: /of type nfs\/server, found/,
    },
    { name: 'in a layer that limits access', lines: { guard: [`${option} ${good[0]}`] }, at: option, says: /found "/ },
    { name: 'name misspelt', lines: {}, overrides: [override(misspelt, good[0])], says: /found "/ },
    { name: 'value misspelt', lines: {}, overrides: [override(option, bad)], says: /expected .*found "/ },
    {
      name: 'two values',
      lines: {},
      overrides: [override(option, good[0]), override(option, good[1])],
      says: /expected one value for nfs\..*, found ".*" and ".*"/,
    },
    {
      name: 'in the wrong layer',
      lines: {},
      overrides: [`data.${option}=${good[0]}`],
      says: /in a volume of type nfs\/server, found ".*" in volume "data"/,
    },
  ];
  if (key === option) return cases;
  for (const volume of ['nosuch', 'brick', 'dta']) {
    const other = key.replace('*', volume);
    const meant = volume === 'dta' ? ' \\(did you mean "data"\\?\\)' : '';
    const says = new RegExp(`expected a subvolume of "nfs" \\(data\\) in option ${other}, found "${volume}"${meant}$`);
    const name = volume === 'brick' ? 'for a volume that is not exported' : 'for a missing volume';
    cases.push(
      { name, lines: inNfs(`${other} ${good[0]}`), at: other, says },
      { name, lines: {}, overrides: [override(other, good[0])], says },
    );
  }
  return cases;
}

/** More cases of the kind, each found in use or in volfiles of GlusterFS. */
const OTHERS: readonly Case[] = [
  ...Object.entries({
    'rpc-auth.addr.data.alow 10.0.0.1':
      /found "rpc-auth\.addr\.data\.alow" \(did you mean "rpc-auth\.addr\.data\.allow"\?\)/,
    'nfs3.data.volume-acess read-only': /\(did you mean "nfs3\.data\.volume-access"\?\)/,
    'volume-access read-only': /found "volume-access"/,
    'read-only on': /expected an option of nfs\/server in volume "nfs", found "read-only"/,
    'rpc-auth.auth-unix.data.alow off': /expected a subvolume of "nfs" \(data\) .*found "data\.alow"/,
    'transport.socket.ssl-enabled on': /found "transport\.socket\.ssl-enabled"/,
    'nfs.rpc-auth-allow 10.0.0.1':
      /expected option rpc-auth\.addr\.VOLUME\.allow in place of it, found "nfs\.rpc-auth-allow"/,
    'nfs.disable on': /expected option nfs\.VOLUME\.disable in place of it/,
    'nfs.volume-access read-only': /expected option nfs3\.VOLUME\.volume-access in place of it/,
    'auth.allow 10.0.0.1': /expected option rpc-auth\.addr\.VOLUME\.allow in place of it/,
    'all-squash on': /found "all-squash"/,
    'nfs.prot 1': /found "nfs\.prot" \(did you mean "nfs\.port"\?\)/,
  }).map(([line, says]) => ({ name: `nfs/server: ${line}`, lines: inNfs(line), at: line.split(' ')[0]!, says })),
  {
    name: 'both spellings of one option',
    lines: { nfs: ['rpc-auth.auth-unix.data on', 'rpc-auth.auth-unix.data.allow off'] },
    at: 'rpc-auth.auth-unix.data.allow',
    says: /expected one of rpc-auth\.auth-unix\.data and rpc-auth\.auth-unix\.data\.allow, which are the same option/,
  },
  {
    name: 'both spellings of one option',
    lines: {},
    overrides: ['nfs.rpc-auth.auth-unix.data=off', 'nfs.rpc-auth.auth-unix.data.allow=on'],
    says: /which are the same option, found both/,
  },
  {
    name: 'host names, and namelookup off',
    lines: { nfs: ['rpc-auth.addr.namelookup off', 'rpc-auth.addr.allow localhost'] },
    at: 'rpc-auth.addr.allow',
    says: /expected addresses and networks only, since rpc-auth\.addr\.namelookup is off, found "localhost"/,
  },
  {
    name: 'a general list that no volume uses',
    lines: { nfs: ['rpc-auth.addr.allow 10.0.0.0/33', 'rpc-auth.addr.data.allow 10.0.0.1'] },
    at: 'rpc-auth.addr.allow',
    says: /found "10\.0\.0\.0\/33"/,
  },
  {
    name: 'a list of a volume that is disabled',
    lines: { nfs: ['nfs.data.disable on', 'rpc-auth.addr.data.allow 10.0.0.0/33'] },
    at: 'rpc-auth.addr.data.allow',
    says: /found "10\.0\.0\.0\/33"/,
  },
  {
    name: 'features/read-only',
    lines: { guard: ['read-olny on'] },
    at: 'read-olny',
    says: /\(did you mean "read-only"\?\)/,
  },
  { name: 'features/read-only', lines: { guard: ['readonly on'] }, at: 'readonly', says: /found "readonly"/ },
  { name: 'features/read-only', lines: { guard: ['read-only onn'] }, at: 'read-only', says: /expected on or off/ },
  {
    name: 'read-only in the brick',
    lines: { brick: ['read-only on'] },
    at: 'read-only',
    says: /expected option read-only in a volume of type features\/read-only, found "read-only" in volume "brick"/,
  },
  {
    name: 'read-only in the brick, misspelt',
    lines: { brick: ['read-olny on'] },
    at: 'read-olny',
    says: /expected option read-only in a volume of type features\/read-only/,
  },
  {
    name: 'an option of nfs/server elsewhere, misspelt',
    lines: { data: ['rpc-auth.addr.data.alow 10.0.0.1'] },
    at: 'rpc-auth.addr.data.alow',
    says: /in a volume of type nfs\/server, found/,
  },
  ...['volume-access read-only', 'volume-acess read-only', 'squash root', 'allow 10.0.0.1', 'insecure off'].map(
    line => ({
      name: `in the volume, without its name: ${line}`,
      lines: { data: [line] },
      at: line.split(' ')[0]!,
      says: /expected option (nfs3|rpc-auth\.\w+)\.(VOLUME\.)?\S+ in a volume of type nfs\/server, found/,
    }),
  ),
  {
    name: 'an option of glusterd, in the volume',
    lines: { data: ['auth.allow 10.0.0.1'] },
    at: 'auth.allow',
    says: /expected option rpc-auth\.addr\.VOLUME\.allow in a volume of type nfs\/server, found "auth\.allow" in volume/,
  },
  {
    name: 'a guard that no call passes through',
    lines: { idle: [] },
    says: /:5: expected volume "idle" \(features\/read-only\) as a subvolume of another, since it limits access, found/,
  },
  { name: 'a mask of the brick', lines: { brick: ['create-mask 0700'] }, at: 'create-mask', says: /setfacl/ },
  { name: 'all volumes', lines: {}, overrides: ['*.rpc-auth.addr.data.alow=10.0.0.1'], says: /found "rpc-auth/ },
  {
    name: 'no volume',
    lines: {},
    overrides: ['nsf.rpc-auth.addr.allow=10.0.0.1'],
    says: /expected a volume of the volfile/,
  },
];

const HOSTS: Readonly<Record<string, RegExp>> = {
  '@admins': /found "@admins": netgroups are not read here/,
  '!10.0.0.1': /name the host with rpc-auth\.addr\.VOLUME\.reject/,
  '10.0.0.0/33': /a prefix has 0 to 32 bits/,
  '10.0.0.1/8': /write 10\.0\.0\.0\/8 for the network, or 10\.0\.0\.1 for the host/,
  '10.0.0.0/0': /write 0\.0\.0\.0\/0 for the network/,
  '2001:db8::1/32': /write 2001:db8::\/32 for the network, or 2001:db8::1 for the host/,
  '::ffff:10.0.0.1/104': /write 10\.0\.0\.0\/8 for the network/,
  '::/129': /a prefix has 0 to 128 bits/,
  'fe80::1%eth0': /write it without its zone, fe80::1/,
  'fe80::%eth0/64': /without its zone/,
  '[::1]': /without brackets/,
  '10.0.0': /four numbers from 0 to 255/,
  '10.0.0.256': /four numbers from 0 to 255/,
  '010.0.0.1': /without leading zeros/,
  '10.0.0.1-10.0.0.9': /write a range as a network/,
  '10.0.0.*.*': /no IPv4 address matches it/,
  '300.*': /no IPv4 address matches it/,
  '2001:0db8:*:1': /write a network/,
  'host(rw)': /options of exports\(5\) are not read here/,
  '10.0.0.1,none': /none stands alone/,
  off: /write \* for everyone, none for no one/,
  '10.0.0.0/8;10.0.0.1': /found "/,
  '*..example.org': /found "/,
};
const hostCases: Case[] = Object.entries(HOSTS).flatMap(([list, says]) =>
  ['rpc-auth.addr.allow', 'rpc-auth.addr.data.reject'].map(option => ({
    name: `${option} ${list}`,
    lines: inNfs(`${option} ${list}`),
    at: option,
    says,
  })),
);

/** `file:line` or the override, and what the message says after it. */
function whereIn(text: string, { at, overrides }: Case): string {
  if (overrides !== undefined) return `--xlator-option ${overrides.at(-1)}: `;
  if (at === undefined) return ':';
  return `:${text.split('\n').findIndex(line => line.startsWith(` option ${at} `)) + 1}: `;
}

const file = join(vol, 'nfs.vol');
const refusals: Case[] = [];

t.test('every option of nfs/server that limits access is in the table', async t => {
  const limiting = Object.entries(OPTIONS).filter(([, { limits }]) => limits);
  t.strictSame(Object.keys(VALUES).sort(), limiting.map(([key]) => key).sort());
  const good = Object.entries(VALUES).map(
    ([
      key,
      {
        good: [value],
      },
    ]) => `${key.replace('*', 'data')} ${value}`,
  );
  writeFileSync(file, volfile({ nfs: good }));
  const { code, stderr } = await bricknfs(['check', '--strict', '-f', file]);
  t.strictSame({ code, stderr }, { code: 0, stderr: '' }, 'good values are accepted');
});

const groups: Record<string, readonly Case[]> = {
  ...Object.fromEntries(Object.keys(VALUES).map(key => [key, casesOf(key)])),
  others: OTHERS,
  hosts: hostCases,
};
for (const [group, cases] of Object.entries(groups)) {
  t.test(group, async t => {
    for (const [i, one] of cases.entries()) {
      const { name, lines, overrides = [], says } = one;
      const text = volfile(lines);
      const what = `${name}: ${overrides.join(' ') || JSON.stringify(lines)}`;
      const message = await planServer({ text, file, overrides }).then(
        () => 'it would be served',
        (error: Error) => error.message,
      );
      const where = whereIn(text, one);
      t.ok(message.startsWith(where.startsWith(':') ? file + where : where), `${what}: ${where} ${message}`);
      if (!t.match(message, says)) continue;
      if (overrides.length === 0) refusals.push(one);
      if (i > 0) continue;
      writeFileSync(file, text);
      const words = ['-f', file, ...overrides.flatMap(override => ['--xlator-option', override])];
      for (const command of ['check', 'serve']) {
        t.strictSame(await refused(t, [command, ...words]), { code: 2, stderr: `${message}\n` }, command);
      }
    }
  });
}

t.test('reloading with each of them changes nothing', async t => {
  writeFileSync(file, volfile({ nfs: ['rpc-auth.addr.data.allow 10.0.0.1'] }));
  const args = ['-f', file, '--stages', '2', '--state-dir', state, '--xlator-option', 'nfs.nfs3.data.trusted-write=on'];
  const { child, port, stderr } = await serving(t, args);
  const exported = async () => {
    const { stdout } = await bricknfs(['exports', '--json', '--state-dir', state, '--port', `${port}`]);
    return (JSON.parse(stdout) as ExportReport[]).map(({ paths, allow }) => ({ paths, allow }));
  };
  const before = [{ paths: ['/data'], allow: ['10.0.0.1'] }];
  t.strictSame(await exported(), before);
  const refusedAnew = async (text: string) => {
    const from = stderr.text.length;
    writeFileSync(file, text);
    child.kill('SIGHUP');
    for (;;) {
      const told = /"msg":"(the volfile was not reloaded, .*|the new volfile has taken over)"}\n/.exec(
        stderr.text.slice(from),
      );
      if (told) return JSON.parse(`"${told[1]}"`) as string;
      await once(child.stderr!, 'data');
    }
  };
  const anew = [
    ...refusals,
    // The override is for a volume that no longer exists.
    {
      name: 'override',
      lines: {},
      overrides: ['nfs.nfs3.data.trusted-write=on'],
      says: /expected a subvolume of "nfs" \(other\)/,
    },
  ];
  for (const one of anew) {
    const text = one.overrides
      ? volfile(one.lines).replaceAll(/(volume|subvolumes) data/g, '$1 other')
      : volfile(one.lines);
    const message = await refusedAnew(text);
    t.ok(message.startsWith('the volfile was not reloaded, and nothing has changed: '), `${one.name}: ${message}`);
    t.match(message, one.says);
  }
  t.strictSame(await exported(), before);
  const good = volfile({ nfs: ['rpc-auth.addr.data.allow 10.0.0.2', 'nfs.acl off'] });
  t.equal(await refusedAnew(good), 'the new volfile has taken over');
  t.equal(
    stderr.text.match(/option nfs\.acl has no effect here/g)?.length,
    1,
    'a warning comes once, and not from each stage',
  );
  t.strictSame(await exported(), [{ ...before[0]!, allow: ['10.0.0.2'] }], 'a good volfile takes over');
});

t.test('an unknown option that limits nothing is ignored with a warning, which --strict refuses', async t => {
  writeFileSync(
    file,
    volfile({
      nfs: ['nfs.acl off', 'nfs.auth-cache-ttl-sec 300'],
      data: ['count-fop-hit off', 'nfs.port 1'],
      brick: ['o-direct on'],
    }),
  );
  const [lax, strict] = await Promise.all([
    bricknfs(['check', '-f', file]),
    bricknfs(['check', '--strict', '-f', file]),
  ]);
  const acls = 'the kernel enforces ACLs, and clients can neither read nor set them';
  const warnings = [
    `16: volume "nfs": option nfs.acl has no effect here: ${acls}`,
    '17: volume "nfs": option nfs.auth-cache-ttl-sec has no effect here: no exports and netgroups files are read',
    '4: volume "brick": storage/posix has no option "o-direct"; it is ignored',
    '8: volume "data": debug/io-stats has no option "count-fop-hit" (did you mean "count-fop-hits"?); it is ignored',
    '9: volume "data": debug/io-stats has no option "nfs.port" (it is one of nfs/server); it is ignored',
  ];
  t.equal(lax.stderr, warnings.map(line => `${file}:${line}\n`).join(''), 'each warning comes once');
  t.equal(lax.code, 0);
  t.equal(strict.code, 2);
  t.equal(strict.stderr, `${lax.stderr}bricknfs: expected no warnings (--strict), found 5\n`);
});

t.test('an override for many volumes applies to those that know the option', async t => {
  writeFileSync(file, volfile({ guard: [] }));
  const words = ['--xlator-option', '*.read-only=off', '--xlator-option', '*.rpc-auth.addr.data.allow=10.0.0.1'];
  const { code, stdout, stderr } = await bricknfs(['check', '--strict', '-f', file, ...words]);
  t.strictSame({ code, stderr }, { code: 0, stderr: '' });
  t.equal(stdout.match(/option read-only off/g)?.length, 1, 'the effective graph has the option where it applies');
  t.match(stdout, /^\/data +read-write +none +10\.0\.0\.1 /m);
});

t.test('a volume that is disabled is not exported', async t => {
  writeFileSync(file, volfile({ nfs: ['nfs.data.disable on'] }));
  const { code, stdout } = await bricknfs(['check', '--strict', '-f', file]);
  t.equal(code, 0);
  t.match(stdout, 'nothing is exported\n');
});
