/** `bricknfs options` and docs/options.md agree with the declarations of the xlators' options. */
import { globSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { optionsPage } from '#src/cli/options/markdown.ts';
import { reportAll, reportType, type XlatorReport } from '#src/cli/options/reports.ts';
import { reportText } from '#src/cli/options/text.ts';
import { type OptionTable, showOption } from '#src/graph/options.ts';
import { planServer } from '#src/server/plan.ts';
import { OPTIONS } from '#src/xlators/nfs/server/options.ts';
import { XLATORS } from '#src/xlators/registry.ts';
import { bricknfs, folders } from './harness.ts';
import { refused } from './in-process.ts';

const root = join(import.meta.dirname, '../..');
const { data, own } = folders(t, 'data', 'own');

/** The options of all xlators, as they are declared. */
const declared: [type: string, table: OptionTable][] = await Promise.all(
  Object.entries(XLATORS).map(async ([type, load]): Promise<[string, OptionTable]> => {
    const { options = {} } = (await load()) as { readonly options?: OptionTable };
    return [type, options];
  }),
);

t.test('docs/options.md is what `npm run docs` would write', async t => {
  t.equal(readFileSync(join(root, 'docs/options.md'), 'utf8'), optionsPage(await reportAll()));
});

t.test('every xlator and every option is described in whole sentences', async t => {
  const sentences = /^[A-Z0-9][^]*[.]$/;
  for (const { type, doc, options } of await reportAll()) {
    t.match(doc, sentences, type);
    for (const option of options) {
      t.match(option.doc, sentences, `${type} ${option.name}`);
      t.notSame(option.expected, '', `${type} ${option.name}: expected values`);
    }
  }
});

t.test('a default is written as a volfile would set it', async t => {
  for (const [type, table] of declared) {
    for (const [name, option] of Object.entries(table)) {
      const one = option.each ?? option;
      if (one.required || one.default === undefined || one.unset !== undefined) continue;
      const written = showOption(one, one.default);
      if (written !== '') t.strictSame(one.parse(written), one.default, `${type} ${name}: ${written}`);
    }
  }
  const { options } = await reportType('storage/posix');
  t.match(options[0], { name: 'directory', required: true, default: 'none' });
});

/** The exports of a volfile with these options of nfs/server, without the places where the rules were set. */
async function rulesWith(options: readonly string[]): Promise<unknown> {
  const lines = options.map(line => `  option ${line}\n`).join('');
  const brick = `volume data\n  type storage/posix\n  option directory ${data}\nend-volume\n`;
  const text = `${brick}volume nfs\n  type nfs/server\n${lines}  subvolumes data\nend-volume\n`;
  const { exports } = await planServer({ text, file: 'test.vol' });
  const places = new Set(['where', 'option', 'rule']);
  return JSON.parse(JSON.stringify(exports, (key, value: unknown) => (places.has(key) ? undefined : value)));
}

/**
 * These cannot be compared: an empty list of hosts shows in the rules, and a list of directories has no word for none.
 */
const INCOMPARABLE: ReadonlySet<string> = new Set(['rpc-auth.addr.*.reject', 'nfs3.*.export-dir']);

t.test('an option of a volume that is not set has the effect that its description says', async t => {
  const unset = await rulesWith([]);
  const about = Object.entries(OPTIONS).filter(([key, option]) => key.includes('*') && 'each' in option);
  let compared = 0;
  for (const [key, option] of about) {
    const one = (option as { each?: OptionTable[string] }).each!;
    const written = one.unset ?? showOption(one, one.default);
    if (INCOMPARABLE.has(key)) continue;
    const [, general] = /^the value of (.*)$/.exec(written) ?? [];
    const name = key.replace('*', 'data');
    if (general !== undefined) {
      const { default: value } = OPTIONS[general as keyof typeof OPTIONS];
      t.strictSame(await rulesWith([`${name} ${showOption(OPTIONS[general as 'nfs.drc'], value as boolean)}`]), unset);
    } else if (one.parse(written) !== undefined) {
      t.strictSame(await rulesWith([`${name} ${written}`]), unset, `${name} ${written}`);
    } else continue;
    compared++;
  }
  t.ok(compared >= 10, `${compared} options were compared`);
  t.notSame(await rulesWith(['nfs3.data.squash root']), unset, 'the comparison finds a difference');
});

/** Options whose declaration alone has an effect. */
/** They take only values that mean what is built: `off`, and TCP. */
const UNREAD = ['nfs.exports-auth-enable', 'transport-type'];

t.test('no option is declared and never read', async t => {
  const sources = globSync(['src/**/*.ts', 'actors/**/*.ts'], { cwd: root })
    .map(file => readFileSync(join(root, file), 'utf8'))
    .join('\n');
  // options['a.b'], options[`a.${x}`], options.a, and the taking apart of options: { 'a.b': x }
  const keys = [...sources.matchAll(/\[\s*(['`])([^'`\n]+)\1\s*\]|^\s+'([\w.*-]+)': \w+,?$/gm)];
  const patterns = keys.map(([, , index, property]) => {
    const parts = (index ?? property!).split(/\$\{[^}]*\}/).map(part => RegExp.escape(part));
    return new RegExp(`^${parts.join('.+')}$`);
  });
  const properties = new Set([...sources.matchAll(/\boptions\.(\w+)/g)].map(([, name]) => name!));
  const isRead = (key: string) => properties.has(key) || patterns.some(pattern => pattern.test(key));
  const unread = declared.flatMap(([, table]) => Object.keys(table).filter(key => !isRead(key)));
  t.strictSame(unread, UNREAD);
  t.notOk(isRead('nfs.no-such-option'));
});

t.test('the text keeps to the width and names every option', async t => {
  const reports = await reportAll();
  for (const width of [40, 80]) {
    for (const report of reports) {
      const text = reportText(report, width);
      for (const line of text.split('\n')) t.ok(line.length <= width || !line.trim().includes(' '), line);
      for (const { name } of [...report.options, ...report.foreign]) t.ok(text.includes(name), name);
    }
  }
});

t.test('an option is printed with everything that is known of it', async t => {
  const report: XlatorReport = {
    type: 'x/y',
    doc: 'Does it.',
    subvolumes: { min: 1, max: 2 },
    options: [
      {
        name: 'a.VOLUME',
        aliases: ['b', 'c'],
        doc: 'Sets *it*.',
        expected: 'a word',
        default: 'off',
        required: false,
        effect: 'start',
        limitsAccess: true,
      },
    ],
    foreign: [
      { name: 'old', ignored: 'it is not needed' },
      { name: 'other', instead: 'option a.VOLUME' },
    ],
  };
  t.equal(
    reportText(report, 80),
    `x/y
  Does it. It takes 1 to 2 subvolumes.

  a.VOLUME
    Sets *it*.
    Value: a word
    Default: off
    A change takes effect: at the next start of the server
    Other names: b, c
    Limits access: yes; in a layer that does not take it, it stops the start

  Options of other software:
    old: has no effect, since it is not needed.
    other: stops the start; write option a.VOLUME.
`,
  );
  t.match(
    optionsPage([report]),
    `## x/y

Does it. It takes 1 to 2 subvolumes.

### \`a.VOLUME\`

Sets \\*it\\*.

- Value: a word
- Default: off
- A change takes effect: at the next start of the server
- Other names: b, c
- Limits access: yes; in a layer that does not take it, it stops the start

### Options of other software

- \`old\`: has no effect, since it is not needed.
- \`other\`: stops the start; write option a.VOLUME.
`,
  );
});

t.test('the command prints the options', async t => {
  const one = await bricknfs(['options', 'nfs/server']);
  t.match(one, { code: 0, stderr: '' });
  t.match(one.stdout, /^nfs\/server\n/);
  t.match(one.stdout, '\n  nfs3.VOLUME.squash\n');
  t.notMatch(one.stdout, 'storage/posix\n');
  const json = await bricknfs(['options', '--json']);
  t.strictSame(JSON.parse(json.stdout), JSON.parse(JSON.stringify(await reportAll())));
  const page = await bricknfs(['options', '--markdown']);
  t.equal(page.stdout, readFileSync(join(root, 'docs/options.md'), 'utf8'));
});

t.test("the options of a user's own xlator are printed", async t => {
  const module = join(own, 'mine.ts');
  const declarations = `{ times: integer({ default: 3, min: 1, max: 9 }, 'How often.') }`;
  writeFileSync(
    module,
    `import { integer } from 'bricknfs/graph/options.ts';
     import { Xlator } from 'bricknfs/graph/xlator.ts';
     export default class Mine extends Xlator { static readonly options = ${declarations}; }`,
  );
  const report = await reportType(`file:${module}`);
  t.match(report, { options: [{ name: 'times', default: '3', expected: 'a whole number from 1 to 9' }] });
  t.match(await bricknfs(['options', 'file:./mine.ts'], { cwd: own }), { code: 0, stdout: /^ {2}times\n/m });
});

t.test('unknown types are refused', async t => {
  const cases: [string[], RegExp][] = [
    [
      ['nfs/sever'],
      /expected a type \(.*storage\/posix, or file:PATH\), found "nfs\/sever" \(did you mean "nfs\/server"\?\)/,
    ],
    [['nfs/server', 'storage/posix'], /options takes no argument "storage\/posix"/],
    [['--json', '--markdown'], /expected one of --json and --markdown, found both/],
    [['file:./none.ts'], /expected a module with an xlator, found no file .*none\.ts/],
  ];
  for (const [args, says] of cases) {
    const { code, stderr } = await refused(t, ['options', ...args]);
    t.equal(code, 2, args.join(' '));
    t.match(stderr, says);
  }
});
