import t from 'tap';
import { checkRemovedName, checkMovedName, checkName, checkNewName, checkTarget } from '#actors/nfs3/names.ts';

const dir = { inode: { type: 2 } } as Parameters<typeof checkName>[0];
const file = { inode: { type: 1 } } as Parameters<typeof checkName>[0];
const checks = { look: checkName, make: checkNewName, remove: checkRemovedName, move: checkMovedName };

const cases: { name: string; look?: string; make?: string; remove?: string; move?: string }[] = [
  { name: 'a' },
  { name: '...' },
  { name: '.hidden' },
  { name: '\u00ff\n\\' },
  { name: 'x'.repeat(255) },
  { name: 'x'.repeat(256), look: 'ENAMETOOLONG', make: 'ENAMETOOLONG', remove: 'ENAMETOOLONG', move: 'ENAMETOOLONG' },
  { name: '', look: 'EACCES', make: 'EACCES', remove: 'EACCES', move: 'EACCES' },
  { name: 'a/b', look: 'EACCES', make: 'EACCES', remove: 'EACCES', move: 'EACCES' },
  { name: '/', look: 'EACCES', make: 'EACCES', remove: 'EACCES', move: 'EACCES' },
  { name: 'a\0', look: 'EACCES', make: 'EACCES', remove: 'EACCES', move: 'EACCES' },
  { name: '.', make: 'EEXIST', remove: 'EINVAL', move: 'EINVAL' },
  { name: '..', make: 'EEXIST', remove: 'EEXIST', move: 'EINVAL' },
];

for (const { name, ...refused } of cases) {
  t.test(`the name ${JSON.stringify(name.slice(0, 10))} of ${name.length} bytes`, async t => {
    for (const [verb, check] of Object.entries(checks)) {
      const code = refused[verb as keyof typeof checks];
      if (code) t.throws(() => check(dir, name), { code }, `to ${verb}: ${code}`);
      else t.doesNotThrow(() => check(dir, name), `to ${verb}`);
    }
  });
}

t.test('only a directory has names', async t => {
  for (const check of Object.values(checks)) t.throws(() => check(file, '/'), { code: 'ENOTDIR' });
});

t.test('the target of a symlink', async t => {
  for (const target of ['a', '/a/b', '../x', '.', 'y'.repeat(4095)]) t.doesNotThrow(() => checkTarget(target));
  t.throws(() => checkTarget(''), { code: 'EINVAL' });
  t.throws(() => checkTarget('a\0b'), { code: 'EINVAL' });
  t.throws(() => checkTarget('y'.repeat(4096)), { code: 'ENAMETOOLONG' });
});
