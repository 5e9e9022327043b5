/** access(2) with real and effective ids: each set of bits × each question × each class of people. */
import * as call from '../../support/calls.ts';
import { type Case, group } from '../../support/case.ts';
import { followed, KINDS, needsOf } from '../../support/kinds.ts';
import { modesFor } from '../../support/modes.ts';
import { as, self } from '../../support/people.ts';

const EXECUTE = 1;
const WRITE = 2;
const letters = (bits: number): string =>
  ['r', 'w', 'x'].filter((_, index) => (bits & (4 >> index)) !== 0).join('') || 'none';

function* matrix(): Iterable<Case> {
  for (const kind of ['regular', 'directory', 'fifo'] as const) {
    for (const { person, bits, mode, uid, gid } of modesFor(0o7)) {
      // Root may read and write everything, but may execute only a file with an execute bit.
      const granted = person.uid !== 0 ? bits : kind === 'directory' || (mode & 0o111) !== 0 ? 7 : 6;
      // ACCESS tells what can be done: nothing can be changed in a directory that cannot be searched, and no fifo can
      // be executed.
      const told = kind === 'regular' || (kind === 'fifo' ? (granted & EXECUTE) === 0 : (granted & 3) !== WRITE);
      yield {
        name: `a ${kind}/${person.name} with ${letters(bits)}`,
        by: person,
        ...(told ? {} : { except: 'access-bits' as const }),
        run: box => {
          const path = box.make(kind, 'x', { uid, gid });
          box.ok(
            as(self, () => call.chmod(path, mode)),
            'chmod',
          );
          for (let asked = 0; asked <= 7; asked++) {
            const wanted = (granted & asked) === asked ? 'OK' : 'EACCES';
            box.is(call.access(path, asked), wanted, `access ${letters(asked)}`);
            box.is(call.eaccess(path, asked), wanted, `AT_EACCESS ${letters(asked)}`);
          }
        },
      };
    }
  }
}

function* byKind(): Iterable<Case> {
  for (const kind of KINDS) {
    const target = followed(kind);
    const there = kind === 'link to itself' ? 'ELOOP' : target === undefined ? 'ENOENT' : 'OK';
    yield {
      name: `of a ${kind}`,
      ...needsOf(kind),
      run: box => {
        const path = box.make(kind, 'x', { mode: 0o600 });
        box.is(call.access(path, 0), there, 'F_OK');
        box.is(call.access(path, 6), there, 'R_OK|W_OK');
        const may = there !== 'OK' ? there : target === 'directory' ? 'OK' : 'EACCES';
        // A directory that its owner may read is made searchable as well.
        box.is(call.access(path, EXECUTE), may, 'X_OK');
        box.is(call.access(path, 8), 'EINVAL', 'an unknown question');
      },
    };
  }
}

export const access = group('access', function* () {
  yield* matrix();
  yield* byKind();
});
