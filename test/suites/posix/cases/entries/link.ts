/** link(2). */
import { AT_SYMLINK_FOLLOW } from '#src/sys/constants.ts';
import * as call from '../../support/calls.ts';
import type { Outcome } from '../../support/calls.ts';
import { byBoth, type Case, group } from '../../support/case.ts';
import { followed, KINDS, needsOf } from '../../support/kinds.ts';
import { member, owner, stranger, TEAM } from '../../support/people.ts';

function* byKind(): Iterable<Case> {
  for (const from of KINDS) {
    for (const to of ['nothing', ...KINDS] as const) {
      const wanted: Outcome = to !== 'nothing' ? 'EEXIST' : from === 'directory' ? 'EPERM' : 'OK';
      yield {
        name: `a ${from} to ${to === 'nothing' ? to : `a ${to}`}`,
        ...needsOf(from, to === 'nothing' ? 'regular' : to),
        run: box => {
          const source = box.make(from, 'x');
          const target = to === 'nothing' ? box.at('y') : box.make(to, 'y');
          const before = box.lstat(source);
          const there = to === 'nothing' ? undefined : box.lstat(target);
          box.is(call.link(source, target), wanted, 'link');
          if (wanted === 'OK') {
            const [one, two] = [box.lstat(source), box.lstat(target)];
            box.is(two, one, 'both names');
            box.is([two.ino, two.nlink, two.type, two.mode], [before.ino, 2, before.type, before.mode], 'it');
          } else {
            box.is(box.lstat(source), before, 'source');
            if (there !== undefined) box.is(box.lstat(target), there, 'target');
            else box.gone(target);
          }
        },
      };
    }
    const target = followed(from);
    const wanted: Outcome =
      from === 'link to itself' ? 'ELOOP' : target === undefined ? 'ENOENT' : target === 'directory' ? 'EPERM' : 'OK';
    yield {
      name: `followed/a ${from}`,
      ...needsOf(from),
      run: box => {
        const source = box.make(from, 'x');
        box.is(call.link(source, box.at('y'), AT_SYMLINK_FOLLOW), wanted, 'linkat');
        if (wanted !== 'OK') return box.gone(box.at('y'));
        box.is(box.lstat(box.at('y')).ino, box.must(call.stat(source)).ino, 'inode');
      },
    };
  }
}

const PATHS: readonly { from: string; to: string; outcome: Outcome }[] = [
  { from: 'f', to: 'new/', outcome: 'ENOENT' },
  { from: 'f', to: 'd/', outcome: 'EEXIST' },
  { from: 'f', to: '.', outcome: 'EEXIST' },
  { from: 'f', to: 'd/..', outcome: 'EEXIST' },
  { from: 'f/', to: 'new', outcome: 'ENOTDIR' },
  { from: 'd/.', to: 'new', outcome: 'EPERM' },
  { from: 'f', to: 'f', outcome: 'EEXIST' },
  { from: 'd/../f', to: 'd/../new', outcome: 'OK' },
];

function* byPath(): Iterable<Case> {
  for (const { from, to, outcome } of PATHS) {
    yield {
      name: `${from.replaceAll('/', ' ')} to ${to.replaceAll('/', ' ')}`,
      run: box => {
        box.make('regular', 'f');
        box.make('directory', 'd');
        box.is(call.link(box.at(from), box.at(to)), outcome, 'link');
        box.is(box.names(), outcome === 'OK' ? ['d', 'f', 'new'] : ['d', 'f'], 'names');
      },
    };
  }
}

function* others(): Iterable<Case> {
  yield {
    name: 'many',
    except: 'many-links',
    run: box => {
      const path = box.make('regular', 'f');
      const count = 100;
      for (let i = 2; i <= count; i++) box.ok(call.link(path, box.at(`f${i}`)), `link ${i}`);
      box.is(box.lstat(path).nlink, count, 'links');
      for (let i = 2; i <= count; i++) box.ok(call.unlink(box.at(`f${i}`)), `unlink ${i}`);
      box.is(box.lstat(path).nlink, 1, 'links at the end');
    },
  };
  yield {
    name: 'changes through one name are seen through the other',
    run: box => {
      const path = box.make('regular', 'f');
      box.ok(call.link(path, box.at('g')), 'link');
      box.write(path, 'text');
      box.is(box.content(box.at('g')), 'text', 'content');
      box.ok(call.chmod(box.at('g'), 0o600), 'chmod');
      box.is(box.lstat(path).mode, 0o600, 'mode');
    },
  };
  // fs.protected_hardlinks allows links to files that the caller may read and write. POSIX allows links to everything
  // within reach.
  for (const person of [owner, member, stranger]) {
    yield {
      name: `another user's file by ${person.name}`,
      by: person,
      run: box => {
        const path = box.make('regular', 'f', { mode: 0o666, uid: 0, gid: TEAM });
        box.ok(call.link(path, box.at('g')), 'link');
        box.is(box.lstat(box.at('g')).uid, 0, 'owner');
      },
    };
  }
}

export const link = group('link', function* () {
  yield* byBoth(byKind(), owner);
  yield* byBoth(byPath(), owner);
  yield* others();
});
