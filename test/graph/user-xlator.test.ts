import { mkdir, readFile, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import t from 'tap';
import { Stable } from '#src/graph/fops.ts';
import { planGraph } from '#src/graph/plan.ts';
import { envOf, frame, graphOf, TEST_XLATORS, volumeOf } from '../support/graph.ts';

const readme = new URL('../../src/xlators/README.md', import.meta.url);

/** The blocks of code in a text, in order. */
const blocksOf = (text: string) => [...text.matchAll(/^```\w*\n(.*?)^```$/gms)].map(([, block]) => block!);

t.test('the example of the README works as it is written there', async t => {
  const [module, volfile] = blocksOf(await readFile(readme, 'utf8'));
  t.ok(module!.split('\n').length <= 30, 'the example has at most 30 lines');
  const dir = t.testdir({ 'caesar.ts': module!, data: {}, state: {} });
  const { top, table, root } = await volumeOf(t, volfile!, {
    file: join(dir, 'caesar.vol'),
    overrides: [`brick.directory=${dir}/data`],
    env: envOf({ stateDir: `${dir}/state` }),
  });

  const { iatt } = await top.create(frame, root, 'f', { mode: 'guarded', attr: {} });
  const { fd } = table.link(iatt);
  const text = Buffer.from('Veni, vidi, XYZ.');
  await top.writev(frame, fd, text, 0, Stable.UNSTABLE);
  t.equal(text.toString(), 'Veni, vidi, XYZ.', "the caller's buffer is unchanged");
  t.equal(await readFile(join(dir, 'data', 'f'), 'utf8'), 'Yhql, ylgl, ABC.');
  t.equal((await top.readv(frame, fd, 100, 0)).data.toString(), 'Veni, vidi, XYZ.');
});

t.test('the example of a note works as it is written there', async t => {
  const module = blocksOf(await readFile(readme, 'utf8'))[2]!;
  const dir = t.testdir({ 'sized.ts': module });
  const { top, table, root } = await volumeOf(t, over('file:sized.ts'), { file: join(dir, 'sized.vol') });
  const made = await top.create(frame, root, 'f', { mode: 'guarded', attr: { size: 4711 } });
  const { iatt } = await top.lookup(frame, root, 'f');
  t.strictSame([made.iatt.notes?.value === 4711, iatt.notes?.value], [false, 4711]);
  t.ok(iatt.notes!.next, 'the note of the brick comes after it');
  const inode = table.link(iatt, root, 'f');
  t.equal(inode.slots[iatt.notes!.slot], 4711);
  t.equal(inode.slots.filter(value => value !== undefined).length, 2);
});

const over = (type: string) =>
  `volume brick\n type test/memory\nend-volume\nvolume mine\n type ${type}\n subvolumes brick\nend-volume`;

const greeter = (name: string) => `
import { Xlator } from 'bricknfs/graph/xlator.ts';
export default class extends Xlator {
  async readlink() { return { target: '${name}' }; }
}`;

t.test('an edited module is loaded again', async t => {
  const dir = t.testdir({ 'mine.ts': greeter('one') });
  const target = async () => {
    const { top, root } = await volumeOf(t, over('file:mine.ts'), { file: join(dir, 'a.vol') });
    return (await top.readlink(frame, root)).target;
  };
  t.equal(await target(), 'one');
  t.equal(await target(), 'one');
  await writeFile(join(dir, 'mine.ts'), greeter('two'));
  t.equal(await target(), 'two');
  await utimes(join(dir, 'mine.ts'), 0, 0);
  t.equal(await target(), 'two');
});

t.test('a path may be relative to the volfile, absolute, or a URL', async t => {
  const dir = t.testdir({ xlators: { 'a mine#1.ts': greeter('here') }, etc: {} });
  const path = join(dir, 'xlators', 'a mine#1.ts');
  for (const type of [`"file:../xlators/a mine#1.ts"`, `"file:${path}"`, pathToFileURL(path).href]) {
    const graph = await graphOf(t, over(type), { file: join(dir, 'etc', 'a.vol') });
    t.equal(graph.top.name, 'mine');
  }
});

const bad: [string, string | undefined, RegExp][] = [
  ['no such file', undefined, /^a\.vol:5: expected a module with an xlator, found no file .*mine\.ts$/],
  ['a syntax error', 'const a = 1;\n\nlet let = ;', /^a\.vol:5: cannot load .*mine\.ts \(line 3\): SyntaxError: .+/],
  [
    'a module that throws',
    'throw new TypeError("so it is");',
    /^a\.vol:5: cannot load .*mine\.ts \(line 1\): TypeError: so it is$/,
  ],
  [
    'a module that imports a missing one',
    'import "./nowhere.ts";',
    /^a\.vol:5: cannot load .*mine\.ts: Error: Cannot find module '.*nowhere\.ts'/,
  ],
  [
    'no default export',
    'export const a = 1;',
    /extends Xlator \(of 'bricknfs\/graph\/xlator\.ts'\), found no default export$/,
  ],
  ['a default export that is not a class', 'export default 5;', /, found a default export that is no such class$/],
  ['another class', 'export default class {}', /, found a default export that is no such class$/],
];

for (const [name, source, message] of bad) {
  t.test(`refused: ${name}`, async t => {
    const dir = t.testdir(source === undefined ? {} : { 'mine.ts': source });
    const plan = planGraph({ text: over('file:./mine.ts'), file: join(dir, 'a.vol'), registry: TEST_XLATORS });
    const error: Error = (await plan.then(
      () => t.fail('loaded'),
      (error: Error) => error,
    )) as Error;
    t.equal(error.name, 'VolfileError');
    t.match(error.message.replace(`${dir}/`, ''), message);
    t.notMatch(error.message, '\n');
  });
}

t.test('refused: a folder', async t => {
  const dir = t.testdir({});
  await mkdir(join(dir, 'mine.ts'));
  const plan = planGraph({ text: over('file:./mine.ts'), file: join(dir, 'a.vol'), registry: TEST_XLATORS });
  await t.rejects(plan, { message: /found no file/ });
});
