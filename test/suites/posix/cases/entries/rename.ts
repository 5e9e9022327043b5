/** rename(2): each kind onto each kind, into itself, onto itself, and across directories. */
import type { Box } from '../../support/box.ts';
import * as call from '../../support/calls.ts';
import type { Outcome } from '../../support/calls.ts';
import { byBoth, type Case, group } from '../../support/case.ts';
import { type Kind, KINDS, needsOf } from '../../support/kinds.ts';
import { as, member, owner, self, stranger, TEAM } from '../../support/people.ts';

type Target = Kind | 'nothing' | 'full directory';
const TARGETS: readonly Target[] = ['nothing', 'full directory', ...KINDS];
const needs = (from: Kind, to: Target) => needsOf(from, to === 'nothing' || to === 'full directory' ? 'regular' : to);

/** The outcome of a rename, which never follows a symlink. */
function expected(from: Kind, to: Target): Outcome {
  if (to === 'nothing') return 'OK';
  const toDirectory = to === 'directory' || to === 'full directory';
  if (from === 'directory') return to === 'full directory' ? 'ENOTEMPTY' : toDirectory ? 'OK' : 'ENOTDIR';
  return toDirectory ? 'EISDIR' : 'OK';
}

function makeTarget(box: Box, to: Target, name: string): string {
  if (to === 'nothing') return box.at(name);
  const path = box.make(to === 'full directory' ? 'directory' : to, name);
  if (to === 'full directory') box.make('regular', `${name}/in it`);
  return path;
}

function* ontoKinds(): Iterable<Case> {
  for (const from of KINDS) {
    for (const to of TARGETS) {
      for (const where of ['beside', 'into another directory'] as const) {
        yield {
          name: `a ${from} onto ${to === 'nothing' ? to : `a ${to}`}/${where}`,
          ...needs(from, to),
          run: box => {
            const into = where === 'beside' ? '' : 'other/';
            if (into !== '') box.make('directory', 'other');
            const [source, target] = [box.make(from, 'x'), makeTarget(box, to, `${into}y`)];
            const before = box.lstat(source);
            const there = to === 'nothing' ? undefined : box.lstat(target);
            const wanted = expected(from, to);
            box.is(call.rename(source, target), wanted, 'rename');
            if (wanted === 'OK') {
              box.gone(source);
              const { ino, type, mode, uid, gid, size, mtime, nlink } = box.lstat(target);
              const kept = { ino, type, mode, uid, gid, size, mtime, nlink };
              box.is(
                kept,
                Object.fromEntries(Object.keys(kept).map(key => [key, before[key as keyof typeof kept]])),
                'it',
              );
            } else {
              box.is(box.lstat(source), before, 'source');
              box.is(box.lstat(target), there, 'target');
            }
          },
        };
      }
    }
  }
}

/** A rename between two names of one object does nothing. */
function* ontoItself(): Iterable<Case> {
  for (const kind of KINDS) {
    yield {
      name: `a ${kind} onto itself`,
      ...needsOf(kind),
      run: box => {
        const path = box.make(kind, 'x');
        const before = box.lstat(path);
        box.ok(call.rename(path, path), 'rename');
        box.is(box.lstat(path), before, 'it');
      },
    };
    if (kind === 'directory') continue;
    yield {
      name: `a ${kind} onto another name of it`,
      ...needsOf(kind),
      run: box => {
        const path = box.make(kind, 'x');
        box.ok(call.link(path, box.at('y')), 'link');
        box.ok(call.rename(path, box.at('y')), 'rename');
        box.exists(path);
        box.is(box.lstat(box.at('y')).nlink, 2, 'links');
      },
    };
    yield {
      name: `a ${kind} over one of two names of an object`,
      ...needsOf(kind),
      run: box => {
        const path = box.make(kind, 'x');
        const there = box.make('regular', 'y');
        box.ok(call.link(there, box.at('z')), 'link');
        box.ok(call.rename(path, there), 'rename');
        box.is(box.lstat(box.at('z')).nlink, 1, 'links of the replaced object');
      },
    };
  }
}

const TREE: readonly { from: string; to: string; outcome: Outcome }[] = [
  { from: 'a', to: 'a/b/c', outcome: 'EINVAL' },
  { from: 'a', to: 'a/new', outcome: 'EINVAL' },
  { from: 'a', to: 'a/b', outcome: 'EINVAL' },
  { from: 'a/b', to: 'a', outcome: 'ENOTEMPTY' },
  { from: 'a/b/f', to: 'a', outcome: 'ENOTEMPTY' },
  { from: 'a/.', to: 'new', outcome: 'EBUSY' },
  { from: 'a/..', to: 'new', outcome: 'EBUSY' },
  { from: 'a', to: 'e/.', outcome: 'EBUSY' },
  { from: 'a', to: 'e/..', outcome: 'EBUSY' },
  { from: 'a/b/f', to: 'e/.', outcome: 'EBUSY' },
  { from: 'a', to: 'new/', outcome: 'OK' },
  { from: 'a/', to: 'new', outcome: 'OK' },
  { from: 'a/', to: 'e/', outcome: 'OK' },
  { from: 'a/b/f', to: 'new/', outcome: 'ENOTDIR' },
  { from: 'a/b/f/', to: 'new', outcome: 'ENOTDIR' },
  { from: 'a/b/f', to: 'e/', outcome: 'ENOTDIR' },
  { from: 'a/b', to: 'link to e', outcome: 'ENOTDIR' },
  { from: 'a/b', to: 'link to e/new', outcome: 'OK' },
  { from: 'a/b', to: 'link to e/', outcome: 'ENOTDIR' },
  { from: 'link to e', to: 'new', outcome: 'OK' },
  { from: 'link to e/', to: 'new', outcome: 'ENOTDIR' },
];

function* inTree(): Iterable<Case> {
  for (const { from, to, outcome } of TREE) {
    yield {
      name: `in a tree/${from.replaceAll('/', ' ')} to ${to.replaceAll('/', ' ')}`,
      run: box => {
        for (const name of ['a', 'a/b', 'e']) box.make('directory', name);
        box.make('regular', 'a/b/f');
        box.ok(call.symlink('e', box.at('link to e')), 'symlink');
        box.is(call.rename(box.at(from), box.at(to)), outcome, 'rename');
        if (outcome !== 'OK') {
          box.is(
            [box.names(), box.names(box.at('a/b')), box.names(box.at('e'))],
            [['a', 'e', 'link to e'], ['f'], []],
            'names',
          );
        }
      },
    };
  }
  yield {
    name: 'in a tree/a directory takes its tree along',
    run: box => {
      for (const name of ['a', 'a/b', 'e']) box.make('directory', name);
      box.make('regular', 'a/b/f');
      const [inB, inE] = [box.lstat(box.at('a/b')), box.lstat(box.at('e'))];
      box.ok(call.rename(box.at('a/b'), box.at('e/b')), 'rename');
      box.is(box.names(box.at('e/b')), ['f'], 'names');
      box.is(box.lstat(box.at('e/b/..')).ino, inE.ino, "the directory's parent");
      box.is(box.lstat(box.at('e/b')).ino, inB.ino, 'the directory');
      box.is([box.lstat(box.at('a')).nlink, box.lstat(box.at('e')).nlink], [2, 3], 'links of the parents');
    },
  };
  yield {
    name: 'in a tree/links of a parent that loses one by replacing',
    run: box => {
      for (const name of ['a', 'a/b', 'e', 'e/b']) box.make('directory', name);
      box.ok(call.rename(box.at('a/b'), box.at('e/b')), 'rename');
      box.is([box.lstat(box.at('a')).nlink, box.lstat(box.at('e')).nlink], [2, 3], 'links of the parents');
    },
  };
}

/**
 * Both directories must be writable, and a directory that moves to another parent must be as well, because its `..`
 * changes.
 */
function* rights(): Iterable<Case> {
  for (const person of [owner, member, stranger]) {
    for (const kind of ['regular', 'directory'] as const) {
      for (const from of [0o755, 0o775, 0o777]) {
        for (const to of [0o755, 0o775, 0o777]) {
          const may = (mode: number) =>
            mode === 0o755 ? person === owner : mode === 0o775 ? person !== stranger : true;
          const allowed = may(from) && may(to);
          yield {
            name: `rights/a ${kind} by ${person.name}/${from.toString(8)} to ${to.toString(8)}`,
            by: person,
            run: box => {
              const [a, b] = [from, to].map((mode, index) =>
                box.make('directory', `d${index}`, { mode, uid: owner.uid, gid: TEAM }),
              );
              box.make(kind, 'd0/x', { mode: 0o777, uid: owner.uid, gid: TEAM });
              box.is(call.rename(`${a}/x`, `${b}/y`), allowed ? 'OK' : 'EACCES', 'rename');
              as(self, () => box.is([box.names(a), box.names(b)], allowed ? [[], ['y']] : [['x'], []], 'names'));
            },
          };
        }
      }
    }
    for (const mode of [0o700, 0o755, 0o775, 0o777]) {
      const may = person === owner || mode === 0o777 || (mode === 0o775 && person === member);
      for (const where of ['beside', 'elsewhere'] as const) {
        yield {
          name: `rights/a directory of mode ${mode.toString(8)} ${where} by ${person.name}`,
          by: person,
          run: box => {
            box.make('directory', 'there');
            box.make('directory', 'x', { mode, uid: owner.uid, gid: TEAM });
            const to = where === 'beside' ? 'y' : 'there/y';
            box.is(call.rename(box.at('x'), box.at(to)), where === 'beside' || may ? 'OK' : 'EACCES', 'rename');
          },
        };
      }
    }
  }
}

export const rename = group('rename', function* () {
  yield* byBoth(ontoKinds(), owner);
  yield* byBoth(ontoItself(), owner);
  yield* byBoth(inTree(), owner);
  yield* rights();
});
