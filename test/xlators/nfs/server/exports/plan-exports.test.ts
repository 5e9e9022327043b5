import { createHash } from 'node:crypto';
import t from 'tap';
import { readOptions } from '#src/graph/options/read-options.ts';
import { parseVolfile } from '#src/volfile/volfile.ts';
import { planExports } from '#src/xlators/nfs/server/exports/plan-exports.ts';
import { type NfsOptionValues, OPTIONS } from '#src/xlators/nfs/server/options.ts';

/** Plans the exports of a volume "vol" whose `export-dir` has this value. */
function plan(dirs: string) {
  const text = `volume vol\n  type test/memory\nend-volume\nvolume nfs\n  type nfs/server\n  subvolumes vol\n  option nfs3.vol.export-dir ${dirs}\nend-volume\n`;
  const top = parseVolfile(text, 'test.vol')[1]!;
  const { values, origins } = readOptions(OPTIONS, top);
  return planExports([{ name: 'vol', readOnlyBy: undefined }], {
    options: values as NfsOptionValues,
    origins,
    where: top.where,
  });
}

t.test('directories are exported beside the whole volume', async t => {
  t.strictSame(
    plan('/a,/b/c').exports.map(({ path }) => path),
    ['/', '/a', '/b/c'],
  );
});

t.test('a directory that is named twice is refused', async t => {
  t.throws(() => plan('/a,/b,/a/'), { message: 'test.vol:7: expected each directory once, found /a/' });
});

t.test('two directories whose ids are equal by chance are refused, with advice', async t => {
  const paths = new Map<number, string>();
  for (let i = 0; ; i++) {
    const name = `d${i}`;
    const id = Math.max(1, createHash('sha256').update(name).digest().readUInt16BE());
    const other = paths.get(id);
    paths.set(id, name);
    if (other === undefined) continue;
    const message = new RegExp(`^test.vol:7: expected directories whose ids .*, found /${other} and /${name}, which`);
    t.throws(() => plan(`/${other},/${name}`), { message });
    return;
  }
});
