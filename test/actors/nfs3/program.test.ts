import t from 'tap';
import { nfs3Program } from '#actors/nfs3/program.ts';
import { NFSPROC3 } from '#protocols/nfs3/constants.ts';

const program = nfs3Program(() => {
  throw new Error('no call is made here');
});
const namesOf = (wanted: (actor: (typeof program.actors)[number]) => boolean) =>
  Object.values(program.actors)
    .filter(wanted)
    .map(({ name }) => name)
    .join(' ');

t.test('every procedure has an actor with its name', async t => {
  for (const [name, number] of Object.entries(NFSPROC3)) t.equal(program.actors[number]?.name, name);
  t.equal(Object.keys(program.actors).length, 22);
  t.match(program, { name: 'NFS3', number: 100003, version: 3, minAuth: 1 });
});

t.test('the procedures whose replies are kept for retries', async t => {
  const expected = 'SETATTR WRITE CREATE MKDIR SYMLINK MKNOD REMOVE RMDIR RENAME LINK';
  t.equal(
    namesOf(({ idempotent }) => !idempotent),
    expected,
  );
});

t.test('the procedures for which AUTH_NONE is enough (RFC 2623, 2.3.2)', async t => {
  t.equal(
    namesOf(({ minAuth }) => minAuth === 0),
    'NULL GETATTR FSINFO',
  );
});
