/** unlink(2) and rmdir(2): what is removed, what stays, and who may remove in a sticky directory. */
import * as call from '../../support/calls.ts';
import type { Outcome } from '../../support/calls.ts';
import { byBoth, type Case, group } from '../../support/case.ts';
import { type Kind, KINDS, needsOf } from '../../support/kinds.ts';
import { as, member, owner, root, self, stranger } from '../../support/people.ts';

function* byKind(): Iterable<Case> {
  for (const kind of KINDS) {
    yield {
      name: `unlink/a ${kind}`,
      ...needsOf(kind),
      run: box => {
        const path = box.make(kind, 'x');
        const before = box.names();
        const kept = kind === 'directory';
        box.is(call.unlink(path), kept ? 'EISDIR' : 'OK', 'unlink');
        // The target of a symlink stays.
        box.is(box.names(), kept ? before : before.filter(name => name !== 'x'), 'names');
        if (!kept) box.is(call.unlink(path), 'ENOENT', 'unlink again');
      },
    };
    yield {
      name: `rmdir/a ${kind}`,
      ...needsOf(kind),
      run: box => {
        const path = box.make(kind, 'x');
        const before = box.names();
        const goes = kind === 'directory';
        box.is(call.rmdir(path), goes ? 'OK' : 'ENOTDIR', 'rmdir');
        box.is(box.names(), goes ? [] : before, 'names');
        if (goes) box.is(call.rmdir(path), 'ENOENT', 'rmdir again');
      },
    };
    yield {
      name: `rmdir/with a ${kind} in it`,
      ...needsOf(kind),
      run: box => {
        const dir = box.make('directory', 'd');
        box.make(kind, 'd/x');
        const before = box.names(dir);
        box.is(call.rmdir(dir), 'ENOTEMPTY', 'rmdir');
        box.is(box.names(dir), before, 'names');
      },
    };
    if (kind === 'directory') continue;
    yield {
      name: `unlink/one of two names of a ${kind}`,
      ...needsOf(kind),
      run: box => {
        const path = box.make(kind, 'x');
        box.ok(call.link(path, box.at('y')), 'link');
        box.ok(call.unlink(path), 'unlink');
        box.is(box.lstat(box.at('y')).nlink, 1, 'links');
        box.gone(path);
      },
    };
  }
}

const PATHS: readonly { name: string; kind: Kind; unlink: Outcome; rmdir: Outcome }[] = [
  { name: 'd/.', kind: 'directory', unlink: 'EISDIR', rmdir: 'EINVAL' },
  { name: 'd/..', kind: 'directory', unlink: 'EISDIR', rmdir: 'ENOTEMPTY' },
  { name: 'd/', kind: 'directory', unlink: 'EISDIR', rmdir: 'OK' },
  { name: 'd/', kind: 'regular', unlink: 'ENOTDIR', rmdir: 'ENOTDIR' },
  { name: 'd/.', kind: 'regular', unlink: 'ENOTDIR', rmdir: 'ENOTDIR' },
  { name: 'd/', kind: 'link to directory', unlink: 'ENOTDIR', rmdir: 'ENOTDIR' },
  { name: 'd/', kind: 'link to regular', unlink: 'ENOTDIR', rmdir: 'ENOTDIR' },
  { name: 'd/', kind: 'link to nothing', unlink: 'ENOTDIR', rmdir: 'ENOTDIR' },
];

function* byPath(): Iterable<Case> {
  for (const { name, kind, unlink, rmdir } of PATHS) {
    yield {
      name: `unlink/${name} of a ${kind}`,
      run: box => {
        box.make(kind, 'd');
        box.is(call.unlink(box.at(name)), unlink, 'unlink');
        box.exists(box.at('d'));
      },
    };
    yield {
      name: `rmdir/${name} of a ${kind}`,
      run: box => {
        box.make(kind, 'd');
        box.is(call.rmdir(box.at(name)), rmdir, 'rmdir');
        if (rmdir === 'OK') box.gone(box.at('d'));
        else box.exists(box.at('d'));
      },
    };
  }
}

interface Taking {
  readonly name: string;
  readonly kind: Kind;
  readonly run: (path: string, beside: string) => Outcome;
  /** Whether the name still exists afterwards. */
  readonly stays?: boolean;
}
const TAKING: readonly Taking[] = [
  { name: 'unlink', kind: 'regular', run: path => call.unlink(path) },
  { name: 'unlink of a link', kind: 'link to nothing', run: path => call.unlink(path) },
  { name: 'rmdir', kind: 'directory', run: path => call.rmdir(path) },
  { name: 'rename away', kind: 'regular', run: (path, beside) => call.rename(path, `${beside}2`) },
  { name: 'rename over', kind: 'regular', stays: true, run: (path, beside) => call.rename(beside, path) },
  { name: 'rename of a directory', kind: 'directory', run: (path, beside) => call.rename(path, `${beside}2`) },
];

/** In a sticky directory only the owner of the object, the owner of the directory and root may remove. */
function* sticky(): Iterable<Case> {
  for (const taking of TAKING) {
    for (const person of [root, owner, member, stranger]) {
      for (const dirOwner of [root, owner, stranger]) {
        for (const fileOwner of [root, owner, member]) {
          for (const bits of [0o1777, 0o777]) {
            const mine = person.uid === fileOwner.uid || person.uid === dirOwner.uid || person.uid === 0;
            const allowed = bits === 0o777 || mine;
            yield {
              name: `${bits === 0o777 ? 'not ' : ''}sticky/${taking.name} by ${person.name}/${fileOwner.name}'s in ${dirOwner.name}'s`,
              by: person,
              run: box => {
                const dir = box.make('directory', 'd', { mode: bits, uid: dirOwner.uid, gid: dirOwner.gid });
                const path = box.make(taking.kind, 'd/x', { mode: 0o777, uid: fileOwner.uid, gid: fileOwner.gid });
                if (taking.kind === 'directory')
                  box.ok(
                    as(self, () => call.chmod(path, 0o777)),
                    'chmod',
                  );
                const beside = box.make('regular', 'd/mine');
                box.is(taking.run(path, beside), allowed ? 'OK' : 'EPERM', taking.name);
                if (allowed && !taking.stays) box.gone(path);
                else box.exists(path);
                if (taking.stays) box.is(box.names(dir).includes('mine'), !allowed, 'whether the source is there');
              },
            };
          }
        }
      }
    }
  }
}

export const remove = group('remove', function* () {
  yield* byBoth(byKind(), owner);
  yield* byBoth(byPath(), owner);
  yield* sticky();
});
