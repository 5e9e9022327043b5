/** The volfile that `serve DIR…` generates. */
import { mkdirSync, symlinkSync } from 'node:fs';
import { join, relative } from 'node:path';
import t from 'tap';
import { type Generated, generateVolfile } from '#src/cli/generated-volfile.ts';
import { planServer } from '#src/server/plan.ts';
import { folders } from './harness.ts';

const wanted: Generated = {
  names: [],
  host: '127.0.0.1',
  port: 2049,
  squash: 'none',
  anonuid: undefined,
  anongid: undefined,
  readOnly: false,
  insecure: false,
  allow: undefined,
  reject: undefined,
  portmap: false,
};

const { home } = folders(t, 'home');
const dir = (name: string) => {
  mkdirSync(join(home, name), { recursive: true });
  return join(home, name);
};
const exportsOf = async (text: string) => (await planServer({ text, file: 'generated' })).exports;

t.test('whatever a directory is called, the volfile can be read again', async t => {
  const names = ['plain', 'two words', 'quo"te', '#hash', 'back\\slash', 'ü', 'volume', 'a.b', 'com,ma', '`tick`'];
  const exports = await exportsOf(generateVolfile(names.map(dir), wanted));
  t.strictSame(
    exports.map(({ volume }) => volume.name),
    names,
  );
  const latin1 = (text: string) => Buffer.from(text).toString('latin1');
  for (const { volume, paths } of exports) {
    const { name } = volume;
    const also = name.includes(',') ? [] : [latin1(join(home, name))];
    t.strictSame(paths, [latin1(`/${name}`), ...also], name);
  }
});

t.test('names are chosen from paths and links, and impossible ones are refused', async t => {
  const [one, two] = [dir('x/data'), dir('y/data')];
  const named = await exportsOf(generateVolfile([one, two], { ...wanted, names: ['data', 'other'] }));
  t.strictSame(
    named.map(({ paths }) => paths),
    [
      ['/data', one],
      ['/other', two],
    ],
  );

  t.strictSame((await exportsOf(generateVolfile(['/'], wanted)))[0]!.paths, ['/root']);
  t.throws(() => generateVolfile([one, two], wanted), /would both be called "data"/);
  t.throws(() => generateVolfile([one, dir('data-posix')], wanted), /would both be called "data-posix"/);
  t.throws(() => generateVolfile([one], { ...wanted, names: ['a', 'b'] }), /at most one --name/);
  t.throws(() => generateVolfile([dir('new\nline')], wanted), /control character/);
  t.throws(() => generateVolfile([dir('space ')], wanted), /a space at an end/);
});

t.test('a directory given by a symbolic link is exported under the link\'s name, too', async t => {
  const [r41, r42, other] = [dir('releases/41'), dir('releases/42'), dir('other/42')];
  mkdirSync(join(home, 'a/b'), { recursive: true });
  const link = (target: string, name: string) => {
    symlinkSync(target, join(home, name));
    return join(home, name);
  };
  const current = link(r42, 'current');
  const up = link(join(home, 'releases'), 'up');
  const twin = link(r41, 'a/current');
  const named42 = link(r41, 'a/42');
  const nested = link(current, 'a/b/latest');
  const comma = link(r42, 'com,ma link');

  const cases: { name: string; dirs: string[]; names?: string[]; paths: string[][] }[] = [
    { name: 'to a directory', dirs: [current], paths: [['/42', r42, '/current', current]] },
    { name: 'with a slash after it', dirs: [`${current}/`], paths: [['/42', r42, '/current', current]] },
    { name: 'on the way', dirs: [join(up, '42')], paths: [['/42', r42, join(up, '42')]] },
    { name: 'to a link', dirs: [nested], paths: [['/42', r42, '/latest', nested]] },
    { name: 'with --name', dirs: [current], names: ['web'], paths: [['/web', r42, current]] },
    { name: 'with a --name equal to the link\'s', dirs: [current], names: ['current'], paths: [['/current', r42, current]] },
    { name: 'two with one name', dirs: [current, twin], paths: [['/42', r42, current], ['/41', r41, twin]] },
    { name: 'with the name of another volume', dirs: [r42, named42], paths: [['/42', r42], ['/41', r41, named42]] },
    { name: 'a `..` after a link', dirs: [`${current}/../../other/42`], paths: [['/42', other]] },
    { name: 'a comma in its name', dirs: [comma], paths: [['/42', r42]] },
    { name: 'not a link', dirs: [r42], paths: [['/42', r42]] },
    { name: 'a relative path', dirs: [relative(process.cwd(), current)], paths: [['/42', r42, '/current', current]] },
  ];
  for (const { name, dirs, names = [], paths } of cases) {
    const found = await exportsOf(generateVolfile(dirs, { ...wanted, names }));
    t.strictSame(found.map(one => one.paths), paths, name);
  }
}); // prettier-ignore

t.test('flags become options', async t => {
  const flags = { squash: 'root', anonuid: 7, anongid: 8, readOnly: true, insecure: true, reject: '10.0.0.1' } as const;
  const [one] = await exportsOf(generateVolfile([dir('flags')], { ...wanted, ...flags, allow: '10.0.0.0/8' }));
  const { rules } = one!;
  t.match(rules, { anonUid: 7, anonGid: 8, readOnly: { value: true }, squash: { value: 'root' } });
  t.match(rules, { insecurePorts: { value: true } });
  t.strictSame(rules.allow.value.words, ['10.0.0.0/8']);
  t.strictSame(
    rules.rejects.map(({ value }) => value.words),
    [['10.0.0.1']],
  );
});
