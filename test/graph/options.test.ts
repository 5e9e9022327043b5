import t from 'tap';
import {
  bool,
  choice,
  duration,
  each,
  integer,
  list,
  type Option,
  path,
  percent,
  size,
  text,
  uuid,
} from '#src/graph/options.ts';
import { readOptions } from '#src/graph/read-options.ts';
import type { Setting, Stanza } from '#src/graph/volfile.ts';

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
  ['integer', port, '0x10', undefined],
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
  'auth.unix.*': each(bool({ default: true }, '')),
  'nfs3.*.export-dir': each(names),
};

const stanza = (options: Record<string, string | Setting>): Stanza => ({
  name: 'v',
  type: 'x/y',
  where: 'f:1',
  typeWhere: 'f:2',
  subvolumes: [],
  options: new Map(
    Object.entries(options).map(([key, value], i) => [
      key,
      typeof value === 'string' ? { value, where: `f:${i + 3}` } : value,
    ]),
  ),
});

t.test('what is not set has its default, what is set its place', async t => {
  const { values, origins, unknown } = readOptions(table, stanza({ directory: '/d', ro: 'yes' }));
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
  t.strictSame(unknown, []);
});

t.test('names within names: a Map, and the exact name is another option', async t => {
  const { values } = readOptions(
    table,
    stanza({
      directory: '/d',
      'auth.unix': 'off',
      'auth.unix.a.b': 'off',
      'auth.unix.c': 'on',
      'nfs3.my.data.export-dir': '/x,/y',
      'nfs3.other.export-dir': '/z',
    }),
  );
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
      ['other', ['/z']],
    ],
  );
});

t.test('options nobody knows are reported, with what may have been meant', async t => {
  const { unknown } = readOptions(
    table,
    stanza({ directory: '/d', 'read-olny': 'on', 'nfs3..export-dir': '/x', zzzzzzzzzzzz: '1' }),
  );
  t.strictSame(unknown, [
    'f:4: volume "v": x/y has no option "read-olny" (did you mean "read-only"?), it is ignored',
    'f:5: volume "v": x/y has no option "nfs3..export-dir", it is ignored',
    'f:6: volume "v": x/y has no option "zzzzzzzzzzzz", it is ignored',
  ]);
});

t.test('the command line wins, also under another name', async t => {
  const override = { value: 'off', where: '--xlator-option v.readonly=off', override: true };
  const { values, origins } = readOptions(table, stanza({ directory: '/d', ro: 'on', readonly: override }));
  t.equal(values['read-only'], false);
  t.strictSame([...origins.keys()], ['directory', 'readonly']);
});

const bad: [string, Record<string, string>, string][] = [
  [
    'out of range',
    { directory: '/d', port: '0' },
    'f:4: expected a whole number from 1 to 65535 for option port, found "0"',
  ],
  ['no path', { directory: 'd' }, 'f:3: expected an absolute path, such as /srv/data for option directory, found "d"'],
  ['empty', { directory: '' }, 'f:3: expected an absolute path, such as /srv/data for option directory, found ""'],
  [
    'required and not there',
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
    t.throws(() => readOptions(table, stanza(options)), { name: 'VolfileError', message });
  });
}
