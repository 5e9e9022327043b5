/**
 * Which callers may search a directory and change what is in it: each call × each class of people × each set of its
 * bits.
 */
import * as call from '../../support/calls.ts';
import { type Case, group } from '../../support/case.ts';
import { PATH_CALLS } from '../../support/path-calls.ts';
import { modesFor } from '../../support/modes.ts';
import { as, self } from '../../support/people.ts';

const SEARCH = 1;
const WRITE = 2;

function* inside(): Iterable<Case> {
  for (const { person, bits, mode, uid, gid } of modesFor(0o7)) {
    for (const one of PATH_CALLS) {
      const needed = SEARCH | (one.does === 'nothing' ? 0 : WRITE);
      const allowed = person.uid === 0 || (bits & needed) === needed;
      yield {
        name: `${one.name}/${person.name} with ${bits.toString(8)}`,
        by: person,
        run: box => {
          const dir = box.make('directory', 'd', { mode: 0o777, uid, gid });
          // The object belongs to the caller, so that the directory alone decides.
          if (one.wants !== undefined) box.make(one.wants, 'd/x');
          one.prepare?.(box);
          box.ok(
            as(self, () => call.chmod(dir, mode)),
            'chmod',
          );
          box.is(one.run(`${dir}/x`, box), allowed ? 'OK' : 'EACCES', one.name);
          as(self, () => {
            const there = one.does === 'makes' ? allowed : one.does === 'removes' ? !allowed : true;
            if (there) box.exists(`${dir}/x`);
            else box.gone(`${dir}/x`);
          });
        },
      };
    }
  }
}

/** Listing needs the r bit, and no other. */
function* listing(): Iterable<Case> {
  const READ = 4;
  for (const { person, bits, mode, uid, gid } of modesFor(0o7)) {
    const allowed = person.uid === 0 || (bits & READ) !== 0;
    yield {
      name: `listing/${person.name} with ${bits.toString(8)}`,
      by: person,
      run: box => {
        const dir = box.make('directory', 'd', { mode: 0o777, uid, gid });
        box.make('regular', 'd/x');
        box.ok(
          as(self, () => call.chmod(dir, mode)),
          'chmod',
        );
        const names = call.readdir(dir);
        box.is(typeof names === 'string' ? names : [...names].sort(), allowed ? ['.', '..', 'x'] : 'EACCES', 'readdir');
        box.is(call.chdir(dir), person.uid === 0 || (bits & SEARCH) !== 0 ? 'OK' : 'EACCES', 'chdir');
        call.chdir('/');
      },
    };
  }
}

export const search = group('search', function* () {
  yield* inside();
  yield* listing();
});
