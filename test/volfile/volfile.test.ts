import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import t from 'tap';
import { LINE_CHARS_MAX, parseVolfile, VOLFILE_CHARS_MAX, VOLUMES_MAX } from '#src/volfile/volfile.ts';
import { printVolfile } from '#src/volfile/print.ts';
import { VolfileError } from '#src/volfile/volfile-error.ts';

const example = new URL('./grammar.vol', import.meta.url);

t.test('everything that the grammar allows is read', async t => {
  const stanzas = parseVolfile(readFileSync(example, 'utf8'), 'grammar.vol');
  t.strictSame(
    stanzas.map(({ name, type, where, typeWhere }) => [name, type, where, typeWhere]),
    [
      ['brick', 'storage/posix', 'grammar.vol:2', 'grammar.vol:3'],
      ['stats', 'debug/io-stats', 'grammar.vol:8', 'grammar.vol:8'],
      ['a name with spaces', 'debug/trace', 'grammar.vol:9', 'grammar.vol:10'],
      ['nfs', 'nfs/server', 'grammar.vol:17', 'grammar.vol:18'],
    ],
  );
  const [brick, stats, trace, nfs] = stanzas;
  t.strictSame(Object.fromEntries(brick!.options), {
    directory: { value: '/srv/my data', where: 'grammar.vol:4' },
    'no#comment': { value: 'a#b', where: 'grammar.vol:5' },
  });
  t.strictSame(stats!.subvolumes, [{ name: 'brick', where: 'grammar.vol:8' }]);
  t.strictSame(Object.fromEntries(trace!.options), {
    quoted: { value: 'a "quote", a \\ and a # in it', where: 'grammar.vol:12' },
    keyword: { value: 'volume', where: 'grammar.vol:13' },
    empty: { value: '', where: 'grammar.vol:14' },
  });
  t.strictSame(nfs!.subvolumes, [
    { name: 'a name with spaces', where: 'grammar.vol:21' },
    { name: 'brick', where: 'grammar.vol:22' },
  ]);
});

t.test('a byte order mark and Windows line ends do not matter', async t => {
  const [stanza] = parseVolfile('\uFEFFvolume a # one\r\n  type x/y\r\n  option k v\r\nend-volume\r\n', 'f');
  t.equal(stanza!.options.get('k')!.value, 'v');
});

const bad = [
  ['an empty file', '', 'f:1: expected `volume NAME`: the file declares none, found the end of the file'],
  ['comments only', '# a\n\n# b\n', 'f:1: expected `volume NAME`: the file declares none, found the end of the file'],
  ['no volume at all', 'hello world', 'f:1: expected `volume NAME`, found "hello"'],
  ['end-volume alone', '\nend-volume', 'f:2: expected `volume NAME`, found `end-volume`'],
  ['an option outside a volume', 'option a b', 'f:1: expected `volume NAME`, found `option`'],
  [
    'an option behind a volume',
    'volume a\n type x/y\nend-volume\noption k v\n',
    'f:4: expected `volume NAME`, found `option`',
  ],
  ['no name', 'volume\n type x/y\nend-volume', 'f:2: expected the name of the volume, found `type`'],
  ['an empty name', 'volume ""\n type x/y\nend-volume', 'f:1: expected the name of the volume, found ""'],
  ['no type', 'volume a\nend-volume', 'f:2: expected `type` first in volume "a" (f:1), found `end-volume`'],
  [
    'no type before options',
    'volume a\n option k v\n',
    'f:2: expected `type` first in volume "a" (f:1), found `option`',
  ],
  [
    'a type without a value',
    'volume a\n type\nend-volume',
    'f:3: expected a type, such as storage/posix, found `end-volume`',
  ],
  [
    'type twice',
    'volume a\n type x/y\n type x/z\nend-volume',
    'f:3: expected one `type` only in volume "a" (f:1), found `type`',
  ],
  [
    'end-volume missing at the end',
    'volume a\n type x/y\n option k v\n',
    'f:3: expected `end-volume` for volume "a" (f:1), found the end of the file',
  ],
  [
    'end-volume missing between volumes',
    'volume a\n type x/y\n\nvolume b\n type x/y\nend-volume\n',
    'f:4: expected `end-volume` for volume "a" (f:1), found `volume`',
  ],
  [
    'an option without a name',
    'volume a\n type x/y\n option\nend-volume',
    'f:4: expected the name of the option, found `end-volume`',
  ],
  [
    'an option without a value',
    'volume a\n type x/y\n option k\nend-volume',
    'f:4: expected a value for option "k", found `end-volume`',
  ],
  [
    'a value of two words without quotes',
    'volume a\n type x/y\n option k one two\nend-volume',
    'f:3: expected `option`, `subvolumes` or `end-volume` in volume "a" (f:1) (a value with spaces goes in double quotes), found "two"',
  ],
  [
    'an unknown word',
    'volume a\n type x/y\n opton k v\nend-volume',
    'f:3: expected `option`, `subvolumes` or `end-volume` in volume "a" (f:1), found "opton"',
  ],
  [
    'an option twice',
    'volume a\n type x/y\n option k 1\n option k 2\nend-volume',
    'f:4: expected option "k" once, but it is also set at f:3',
  ],
  [
    'subvolumes of nothing',
    'volume a\n type x/y\n subvolumes\nend-volume',
    'f:4: expected the name of a volume declared above, found `end-volume`',
  ],
  [
    'subvolumes twice',
    'volume a\n type x/y\nend-volume\nvolume b\n type x/y\n subvolumes a\n subvolumes a\nend-volume',
    'f:7: expected one `subvolumes` only in volume "b" (f:4), found `subvolumes`',
  ],
  [
    'a subvolume twice',
    'volume a\n type x/y\nend-volume\nvolume b\n type x/y\n subvolumes a a\nend-volume',
    'f:6: expected each subvolume once, found "a" again',
  ],
  [
    'an undeclared subvolume',
    'volume a\n type x/y\n subvolumes brick\nend-volume',
    'f:3: expected a volume declared above, found "brick", which no volume here is called',
  ],
  [
    'a subvolume that comes later',
    'volume a\n type x/y\n subvolumes b\nend-volume\nvolume b\n type x/y\nend-volume',
    'f:3: expected a volume declared above, found "b", which is declared further down (f:5)',
  ],
  [
    'a volume under itself',
    'volume a\n type x/y\n subvolumes a\nend-volume',
    'f:3: expected no volume under itself, found a cycle: a -> a',
  ],
  [
    'a cycle',
    'volume a\n type x/y\n subvolumes b\nend-volume\nvolume b\n type x/y\n subvolumes c\nend-volume\nvolume c\n type x/y\n subvolumes a\nend-volume',
    'f:3: expected no volume under itself, found a cycle: a -> b -> c -> a',
  ],
  [
    'two volumes of one name',
    'volume a\n type x/y\nend-volume\nvolume a\n type x/y\nend-volume',
    'f:4: expected a new name, but volume "a" is declared at f:1',
  ],
  [
    'an open quote',
    'volume a\n type x/y\n option k "v\nend-volume',
    'f:3: expected a closing quote on the same line, found "\\"v"',
  ],
  [
    'a command in backticks',
    'volume a\n type x/y\n option k `date`\nend-volume',
    'f:3: expected a value (commands in backticks are not run), found "`date`"',
  ],
  ['a NUL byte', 'volume a\n type x/\0y\nend-volume', 'f:2: expected text, found a NUL byte'],
  [
    'too much text',
    ' '.repeat(VOLFILE_CHARS_MAX + 1),
    `f:1: expected at most ${VOLFILE_CHARS_MAX} characters, found ${VOLFILE_CHARS_MAX + 1}`,
  ],
  [
    'a line too long',
    `\n${'x'.repeat(LINE_CHARS_MAX + 1)}`,
    `f:2: expected lines of at most ${LINE_CHARS_MAX} characters, found ${LINE_CHARS_MAX + 1}`,
  ],
  [
    'a word too long to show',
    `volume a\n ${'x'.repeat(70)}`,
    `f:2: expected \`type\` first in volume "a" (f:1), found "${'x'.repeat(60)}…"`,
  ],
] as const;

for (const [name, text, message] of bad) {
  t.test(`refused: ${name}`, async t => {
    t.throws(() => parseVolfile(text, 'f'), { name: 'VolfileError', message });
  });
}

t.test('refused: too many volumes', async t => {
  const text = Array.from({ length: VOLUMES_MAX + 1 }, (_, i) => `volume v${i}\ntype x/y\nend-volume\n`).join('');
  t.throws(() => parseVolfile(text, 'f'), { message: `f:${VOLUMES_MAX * 3 + 1}: more than ${VOLUMES_MAX} volumes` });
});

/** Any character. The unit of fc.string for this builds a table of a million characters first, which takes a second. */
const character = fc.integer({ min: 1, max: 0xd7ff }).map(code => String.fromCodePoint(code));
const word = fc.string({ unit: character, minLength: 1, maxLength: 12 }).filter(text => !text.includes('\n'));
const volfile = fc
  .uniqueArray(fc.record({ name: word, type: word, options: fc.dictionary(word, word, { noNullPrototype: true }) }), {
    selector: volume => volume.name,
    minLength: 1,
    maxLength: 6,
  })
  .chain(volumes =>
    fc.tuple(
      ...volumes.map((volume, i) =>
        fc.subarray(volumes.slice(0, i).map(other => other.name)).map(below => ({ ...volume, below })),
      ),
    ),
  );

t.test('a printed volfile reads back as the same graph', async () => {
  fc.assert(
    fc.property(volfile, volumes => {
      const stanzas = volumes.map(({ name, type, options, below }) => ({
        name,
        type,
        options: new Map(Object.entries(options).map(([key, value]) => [key, { value, where: '' }])),
        subvolumes: below.map(child => ({ name: child, where: '' })),
        where: '',
        typeWhere: '',
      }));
      const read = parseVolfile(printVolfile(stanzas), 'f').map(({ name, type, options, subvolumes }) => ({
        name,
        type,
        options: Object.fromEntries([...options].map(([key, { value }]) => [key, value])),
        below: subvolumes.map(child => child.name),
      }));
      assert.deepEqual(
        read,
        volumes.map(({ name, type, options, below }) => ({ name, type, options, below })),
      );
    }),
  );
});

t.test('any text is read, or refused with the place of its error', async () => {
  const words = fc.constantFrom(
    'volume',
    'type',
    'option',
    'subvolumes',
    'end-volume',
    'a',
    'b',
    '"',
    '#',
    '\n',
    '\\',
    '`',
    'é',
  );
  const text = fc.oneof(
    fc.string(),
    fc.array(words, { maxLength: 40 }).map(list => list.join(' ')),
  );
  fc.assert(
    fc.property(text, junk => {
      try {
        parseVolfile(junk, 'f');
      } catch (error) {
        assert(error instanceof VolfileError);
        assert.match(error.message, /^f:\d+: /);
      }
    }),
  );
});
