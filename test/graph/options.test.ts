import t from 'tap';
import {
  atStart,
  bool,
  choice,
  duration,
  each,
  integer,
  list,
  live,
  limiting,
  type Option,
  path,
  percent,
  showOption,
  size,
  text,
  uuid,
} from '#src/graph/options.ts';
import { readOptions } from '#src/graph/options/read-options.ts';
import type { Setting, Stanza } from '#src/volfile/volfile.ts';

const flag = bool({ default: false }, '');
const port = integer({ default: 2049, min: 1, max: 65535 }, '');
const bytes = size({ default: 65536, min: 512, max: 2 ** 30 }, '');
const share = percent({ default: 0 }, '');
const time = duration({ default: 60, min: 0, max: 86400 }, '');
const word = choice(['Read-Only', 'read-write'], { default: 'read-write' }, '');
const directory = path({ required: true }, '');
const id = uuid({ default: undefined }, '');
const names = list(text({ default: '' }, ''), { default: [], max: 3 }, '');

const parses: [string, Option<unknown>, string, unknown][] = [
  ...['on', 'yes', 'true', 'enable', '1', 'ON', 'True', ' on '].map(
    v => ['bool', flag, v, true] as [string, Option<unknown>, string, unknown],
  ),
  ...['off', 'no', 'false', 'disable', '0', 'Off'].map(
    v => ['bool', flag, v, false] as [string, Option<unknown>, string, unknown],
  ),
  ...['', 'yess', '2', 'constructor'].map(
    v => ['bool', flag, v, undefined] as [string, Option<unknown>, string, unknown],
  ),
  ['integer', port, '1', 1],
  ['integer', port, '65535', 65535],
  ['integer', port, '+80', 80],
  ['integer', port, '0', undefined],
  ['integer', port, '65536', undefined],
  ['integer', port, '-1', undefined],
  ['integer', port, '12x', undefined],
  ['integer', port, '1.5', undefined],
  ['integer', port, '1e3', undefined],
  ['integer', port, '0x10', 16],
  ['integer', port, '0x', undefined],
  ['integer', port, '0x10000', undefined],
  ['integer', port, '', undefined],
  ['integer', port, '9'.repeat(400), undefined],
  ['size', bytes, '512', 512],
  ['size', bytes, '64KB', 65536],
  ['size', bytes, '64kb', 65536],
  ['size', bytes, '64K', 65536],
  ['size', bytes, '1 MB', 1048576],
  ['size', bytes, '1.5MB', 1572864],
  ['size', bytes, '1GB', 1073741824],
  ['size', bytes, '1024B', 1024],
  ['size', bytes, '2GB', undefined],
  ['size', bytes, '511', undefined],
  ['size', bytes, '1XB', undefined],
  ['size', bytes, 'KB', undefined],
  ['size', bytes, '-64KB', undefined],
  ['size', bytes, '1constructor', undefined],
  ['percent', share, '0', 0],
  ['percent', share, '50%', 50],
  ['percent', share, '0.1', 0.1],
  ['percent', share, '100 %', 100],
  ['percent', share, '101', undefined],
  ['percent', share, '-1', undefined],
  ['percent', share, '%', undefined],
  ['duration', time, '30', 30],
  ['duration', time, '500ms', 0.5],
  ['duration', time, '10min', 600],
  ['duration', time, '1hr', 3600],
  ['duration', time, '1d', 86400],
  ['duration', time, '2days', undefined],
  ['duration', time, '1 year', undefined],
  ['choice', word, 'read-only', 'Read-Only'],
  ['choice', word, 'READ-WRITE', 'read-write'],
  ['choice', word, 'read', undefined],
  ['path', directory, '/srv/data', '/srv/data'],
  ['path', directory, '/srv/data//', '/srv/data'],
  ['path', directory, '/', '/'],
  ['path', directory, 'srv', undefined],
  ['path', directory, '', undefined],
  ['uuid', id, '6BA7B810-9DAD-41D1-80B4-00C04FD430C8', '6ba7b810-9dad-41d1-80b4-00c04fd430c8'],
  ['uuid', id, '6ba7b8109dad41d180b400c04fd430c8', undefined],
  ['list', names, 'a, b,c', ['a', 'b', 'c']],
  ['list', names, 'a', ['a']],
  ['list', names, 'a,,b', undefined],
  ['list', names, 'a,b,c,d', undefined],
];

for (const [kind, option, input, value] of parses) {
  t.test(`${kind}: ${JSON.stringify(input.slice(0, 40))}`, async t => t.strictSame(option.parse(input), value));
}

const table = {
  directory,
  port,
  'read-only': bool({ default: false, aliases: ['ro', 'readonly'] }, ''),
  id,
  'auth.unix': bool({ default: true }, ''),
  'auth.unix.*': each(bool({ required: true, aliases: ['auth.unix.*.allow'] }, '')),
  'nfs3.*.export-dir': each(names),
};

const stanza = (options: Record<string, string | Setting>, ...subvolumes: string[]): Stanza => ({
  name: 'v',
  type: 'x/y',
  where: 'f:1',
  typeWhere: 'f:2',
  subvolumes: subvolumes.map(name => ({ name, where: 'f:99' })),
  options: new Map(
    Object.entries(options).map(([key, value], i) => [
      key,
      typeof value === 'string' ? { value, where: `f:${i + 3}` } : value,
    ]),
  ),
});

t.test('an option that is not set has its default, and one that is set has its place', async t => {
  const { values, origins, unknown, warnings } = readOptions(table, stanza({ directory: '/d', ro: 'yes' }));
  // The types come from the table.
  const typed: { directory: string; port: number; 'read-only': boolean; id: string | undefined } = values;
  t.strictSame(typed, {
    directory: '/d',
    port: 2049,
    'read-only': true,
    id: undefined,
    'auth.unix': true,
    'auth.unix.*': new Map(),
    'nfs3.*.export-dir': new Map(),
  });
  t.strictSame(
    [...origins],
    [
      ['directory', 'f:3'],
      ['ro', 'f:4'],
    ],
  );
  t.strictSame([...unknown, ...warnings], []);
});

t.test('options for many names become a Map, and an exact name is another option', async t => {
  const options = {
    directory: '/d',
    'auth.unix': 'off',
    'auth.unix.a.b': 'off',
    'auth.unix.c.allow': 'on',
    'nfs3.my.data.export-dir': '/x,/y',
    'nfs3.c.export-dir': '/z',
  };
  const { values, origins } = readOptions(table, stanza(options, 'a.b', 'c', 'my.data'));
  const perVolume: ReadonlyMap<string, boolean> = values['auth.unix.*'];
  t.equal(values['auth.unix'], false);
  t.strictSame(
    [...perVolume],
    [
      ['a.b', false],
      ['c', true],
    ],
  );
  t.strictSame(
    [...values['nfs3.*.export-dir']],
    [
      ['my.data', ['/x', '/y']],
      ['c', ['/z']],
    ],
  );
  t.equal(origins.get('auth.unix.c.allow'), 'f:6');
});

t.test('a name within an option must be a subvolume', async t => {
  const bad: [string, string[], string][] = [
    ['auth.unix.d', [], '"v" (it has none) in option auth.unix.d, found "d"'],
    ['auth.unix.dta', ['data'], '"v" (data) in option auth.unix.dta, found "dta" (did you mean "data"?)'],
    ['auth.unix.x.allow', ['data'], '"v" (data) in option auth.unix.x.allow, found "x"'],
    [
      'nfs3.x.export-dir',
      Array.from({ length: 11 }, (_, i) => `volume${i}`),
      '"v" (volume0, volume1, volume2, volume3, volume4, volume5, volume6, volume7, and 3 more) in option ' +
        'nfs3.x.export-dir, found "x"',
    ],
  ];
  for (const [name, subvolumes, message] of bad) {
    const of = stanza({ directory: '/d', [name]: 'on' }, ...subvolumes);
    t.throws(() => readOptions(table, of), {
      name: 'VolfileError',
      message: `f:4: expected a subvolume of ${message}`,
    });
  }
  t.throws(() => readOptions(table, stanza({ directory: '/d', 'auth.unix.a.allow': 'on' }, 'a', 'a.allow')), {
    message:
      'f:4: expected an option of one subvolume, found auth.unix.a.allow, which may be meant for "a.allow" and "a"',
  });
});

t.test('unknown options are reported with a suggestion', async t => {
  const options = {
    directory: '/d',
    'read-olny': 'on',
    'nfs3..export-dir': '/x',
    zzzzzzzzzzzz: '1',
    'nfs3.a.exprt-dir': '/',
  };
  const { unknown } = readOptions(table, stanza(options, 'a'));
  t.strictSame(
    unknown.map(({ name, setting, meant }) => [name, setting.where, meant]),
    [
      ['read-olny', 'f:4', ' (did you mean "read-only"?)'],
      ['nfs3..export-dir', 'f:5', ' (did you mean "nfs3.a.export-dir"?)'],
      ['zzzzzzzzzzzz', 'f:6', ''],
      ['nfs3.a.exprt-dir', 'f:7', ' (did you mean "nfs3.a.export-dir"?)'],
    ],
  );
});

t.test('options of other software are ignored or replaced as the table says', async t => {
  const foreign = { acl: { ignored: 'there are none' }, 'limit.*': { instead: 'option port' } };
  const { warnings, unknown } = readOptions(table, stanza({ directory: '/d', acl: 'on' }), foreign);
  t.strictSame(warnings, ['f:4: volume "v": option acl has no effect here: there are none']);
  t.strictSame(unknown, []);
  t.throws(() => readOptions(table, stanza({ directory: '/d', 'limit.x': 'on' }), foreign), {
    name: 'VolfileError',
    message: 'f:4: expected option port in place of it, found "limit.x"',
  });
});

t.test('an override on the command line wins, also under another name', async t => {
  const override = { value: 'off', where: '--xlator-option v.readonly=off', override: true };
  const { values, origins } = readOptions(table, stanza({ directory: '/d', ro: 'on', readonly: override }));
  t.equal(values['read-only'], false);
  t.strictSame([...origins.keys()], ['directory', 'readonly']);
  const other = { ...override, value: 'on', where: '--xlator-option v.ro=on' };
  t.throws(() => readOptions(table, stanza({ directory: '/d', readonly: override, ro: other })), {
    message: '--xlator-option v.ro=on: expected one of readonly and ro, which are the same option, found both',
  });
});

const bad: [string, Record<string, string>, string][] = [
  [
    'out of range',
    { directory: '/d', port: '0' },
    'f:4: expected a whole number from 1 to 65535 for option port, found "0"',
  ],
  [
    'not a path',
    { directory: 'd' },
    'f:3: expected an absolute path, such as /srv/data for option directory, found "d"',
  ],
  ['empty', { directory: '' }, 'f:3: expected an absolute path, such as /srv/data for option directory, found ""'],
  [
    'required but missing',
    { port: '1' },
    'f:1: expected option directory (an absolute path, such as /srv/data), found volume "v" without it',
  ],
  [
    'under two names',
    { directory: '/d', ro: 'on', 'read-only': 'off' },
    'f:5: expected one of ro and read-only, which are the same option, found both',
  ],
  [
    'within a pattern',
    { directory: '/d', 'auth.unix.a': 'maybe' },
    'f:4: expected on or off (also yes/no, true/false, enable/disable, 1/0) for option auth.unix.a, found "maybe"',
  ],
];
for (const [name, options, message] of bad) {
  t.test(`refused: ${name}`, async t => {
    t.throws(() => readOptions(table, stanza(options, 'a')), { name: 'VolfileError', message });
  });
}

const shown: [string, Option<any>, unknown][] = [
  ['on', flag, true],
  ['off', flag, false],
  ['2049', port, 2049],
  ['64KB', bytes, 65536],
  ['1GB', bytes, 2 ** 30],
  ['1500', bytes, 1500],
  ['12.5%', share, 12.5],
  ['60', time, 60],
  ['Read-Only', word, 'Read-Only'],
  ['/srv/data', directory, '/srv/data'],
  ['a,b', names, ['a', 'b']],
  ['on,off', list(flag, { default: [] }, ''), [true, false]],
  ['', id, undefined],
];

for (const [text, option, value] of shown) {
  t.test(`a value is shown as a volfile writes it: ${text || 'nothing'}`, async t => {
    t.equal(showOption(option, value), text);
    if (text !== '') t.strictSame(option.parse(text), value);
  });
}

t.test('an option says when a change of it takes effect', async t => {
  t.equal(flag.effect, undefined, 'a change takes effect with a new graph');
  t.equal(live(flag).effect, 'live');
  t.equal(atStart(limiting(flag)).effect, 'start');
  t.equal(each(limiting(live(flag))).effect, 'live');
  t.equal(each(flag).effect, 'reload');
});
