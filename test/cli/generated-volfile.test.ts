/** The volfile of `serve DIR…`. */
import { mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
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
    exports.map(({ volume }) => volume),
    names,
  );
  const latin1 = (text: string) => Buffer.from(text).toString('latin1');
  for (const { volume, paths } of exports) {
    const also = volume.includes(',') ? [] : [latin1(join(home, volume))];
    t.strictSame(paths, [latin1(`/${volume}`), ...also], volume);
  }
});

t.test('names, links, and what cannot be', async t => {
  const [one, two] = [dir('x/data'), dir('y/data')];
  const named = await exportsOf(generateVolfile([one, two], { ...wanted, names: ['data', 'other'] }));
  t.strictSame(
    named.map(({ paths }) => paths),
    [
      ['/data', one],
      ['/other', two],
    ],
  );

  symlinkSync(one, join(home, 'link'));
  const [linked] = await exportsOf(generateVolfile([join(home, 'link')], wanted));
  t.strictSame(linked!.paths, ['/data', one], 'a link is followed');

  t.strictSame((await exportsOf(generateVolfile(['/'], wanted)))[0]!.paths, ['/root']);
  t.throws(() => generateVolfile([one, two], wanted), /would both be called "data"/);
  t.throws(() => generateVolfile([one, dir('data-posix')], wanted), /would both be called "data-posix"/);
  t.throws(() => generateVolfile([one], { ...wanted, names: ['a', 'b'] }), /at most one --name/);
  t.throws(() => generateVolfile([dir('new\nline')], wanted), /control character/);
  t.throws(() => generateVolfile([dir('space ')], wanted), /a space at an end/);
});

t.test('what the flags become', async t => {
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
