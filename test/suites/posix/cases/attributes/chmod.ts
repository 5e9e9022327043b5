/** chmod(2) and fchmod(2). */
import { O_NONBLOCK, O_RDONLY } from '#src/sys/constants.ts';
import * as call from '../../support/calls.ts';
import { type Case, group } from '../../support/case.ts';
import { followed, isLink, KINDS } from '../../support/kinds.ts';
import { as, loner, member, owner, root, self, stranger, TEAM } from '../../support/people.ts';

const octal = (mode: number): string => mode.toString(8).padStart(4, '0');
const MODES = [0, 0o777, 0o640, 0o111, 0o1777, 0o2755, 0o4755, 0o2644, 0o6750, 0o7777];
const PEOPLE = [root, owner, loner, member, stranger];

/** Only the owner and root may change a mode. An owner outside of the file's group does not keep setgid. */
function* byPerson(): Iterable<Case> {
  for (const kind of ['regular', 'directory'] as const) {
    for (const person of PEOPLE) {
      for (const mode of MODES) {
        const allowed = person.uid === 0 || person.uid === owner.uid;
        const keeps = person === loner ? mode & ~0o2000 : mode;
        yield {
          name: `a ${kind} by ${person.name} to ${octal(mode)}`,
          by: person,
          run: box => {
            const path = box.make(kind, 'x', { mode: 0o640, uid: owner.uid, gid: TEAM });
            const before = box.lstat(path);
            box.is(call.chmod(path, mode), allowed ? 'OK' : 'EPERM', 'chmod');
            const after = box.lstat(path);
            if (!allowed) return box.is(after, before, 'it');
            box.is(octal(after.mode), octal(keeps), 'mode');
            box.is([after.uid, after.gid, after.type], [before.uid, before.gid, before.type], 'owner and type');
          },
        };
      }
    }
  }
}

function* byKind(): Iterable<Case> {
  for (const kind of KINDS) {
    for (const person of PEOPLE) {
      const target = followed(kind);
      const allowed = person.uid === 0 || person.uid === owner.uid;
      const wanted = kind === 'link to itself' ? 'ELOOP' : target === undefined ? 'ENOENT' : allowed ? 'OK' : 'EPERM';
      yield {
        name: `a ${kind} by ${person.name}`,
        by: person,
        run: box => {
          const path = box.make(kind, 'x', { mode: 0o640, uid: owner.uid, gid: TEAM });
          const link = isLink(kind) ? box.lstat(path) : undefined;
          box.is(call.chmod(path, 0o751), wanted, 'chmod');
          if (wanted === 'OK') box.is(octal(box.must(call.stat(path)).mode), '0751', 'mode');
          if (link !== undefined) box.unchanged(path, link, 'the link');
        },
      };
    }
  }
}

function* open(): Iterable<Case> {
  for (const kind of ['regular', 'directory', 'fifo'] as const) {
    yield {
      name: `fchmod of a ${kind}`,
      run: box => {
        const fd = box.open(box.make(kind, 'x'), O_RDONLY | O_NONBLOCK);
        for (const mode of MODES) {
          box.ok(call.fchmod(fd, mode), 'fchmod');
          box.is(octal(box.lstat(box.at('x')).mode), octal(mode), 'mode');
        }
      },
    };
  }
  yield {
    name: 'takes effect at once',
    by: owner,
    run: box => {
      box.write(box.at('f'), 'text');
      const rights: readonly [number, string][] = [
        [0o000, 'EACCES'],
        [0o400, 'OK'],
        [0o200, 'EACCES'],
        [0o600, 'OK'],
      ];
      for (const [mode, wanted] of rights) {
        box.ok(call.chmod(box.at('f'), mode), 'chmod');
        box.is(call.tryOpen(box.at('f'), O_RDONLY), wanted, `open with ${octal(mode)}`);
      }
    },
  };
  yield {
    name: 'takes effect at once for others',
    by: stranger,
    run: box => {
      const path = box.make('regular', 'f', { uid: owner.uid, gid: TEAM });
      for (const mode of [0o604, 0o640, 0o604, 0o600]) {
        box.ok(
          as(self, () => call.chmod(path, mode)),
          'chmod',
        );
        box.is(call.tryOpen(path, O_RDONLY), (mode & 4) === 0 ? 'EACCES' : 'OK', `open with ${octal(mode)}`);
      }
    },
  };
}

export const chmod = group('chmod', function* () {
  yield* byPerson();
  yield* byKind();
  yield* open();
});
