/** symlink(2) and readlink(2). */
import * as call from '../../support/calls.ts';
import { byBoth, type Case, group } from '../../support/case.ts';
import { isLink, KINDS, needsOf } from '../../support/kinds.ts';
import { member, owner } from '../../support/people.ts';

const TARGET_MAX = 4095;
const allBytes = String.fromCharCode(...Array.from({ length: 255 }, (_, index) => index + 1));

const TARGETS: Record<string, string> = {
  'one byte': 'x',
  'a dot': '.',
  'the root': '/',
  slashes: '//a///b//',
  '59 bytes': 'y'.repeat(59),
  '60 bytes': 'y'.repeat(60),
  '255 bytes': 'z'.repeat(255),
  '256 bytes': 'z'.repeat(256),
  '1,023 bytes': 'z'.repeat(1023),
  '1,024 bytes': 'z'.repeat(1024),
  '1,025 bytes': 'z'.repeat(1025),
  [`${TARGET_MAX} bytes`]: 'z'.repeat(TARGET_MAX),
  'every byte': allBytes,
};

function* targets(): Iterable<Case> {
  for (const [name, target] of Object.entries(TARGETS)) {
    yield {
      name: `to ${name}`,
      run: box => {
        const path = box.at('l');
        box.ok(call.symlink(target, path), 'symlink');
        box.is(call.readlink(path), { target }, 'readlink');
        const made = box.lstat(path);
        box.is([made.size, made.nlink, made.mode.toString(8)], [target.length, 1, '777'], 'size, links, mode');
        box.ok(call.rename(path, box.at('m')), 'rename');
        box.is(call.readlink(box.at('m')), { target }, 'readlink after a rename');
      },
    };
  }
  yield { name: 'to an empty target', run: box => box.is(call.symlink('', box.at('l')), 'ENOENT', 'symlink') };
  yield {
    name: `to ${TARGET_MAX + 1} bytes`,
    run: box => {
      box.is(call.symlink('z'.repeat(TARGET_MAX + 1), box.at('l')), 'ENAMETOOLONG', 'symlink');
      box.gone(box.at('l'));
    },
  };
}

function* readlinks(): Iterable<Case> {
  for (const kind of KINDS) {
    yield {
      name: `readlink of a ${kind}`,
      ...needsOf(kind),
      run: box => {
        const path = box.make(kind, 'x');
        const target = kind === 'link to itself' ? 'x' : 'x.target';
        box.is(call.readlink(path), isLink(kind) ? { target } : { error: 'EINVAL' }, 'readlink');
      },
    };
  }
}

/** A relative target is resolved against the directory of the symlink. */
const WAYS: readonly { name: string; target: (dir: string) => string }[] = [
  { name: 'a name in the same directory', target: () => 'f' },
  { name: 'a path', target: () => './sub/../f' },
  { name: 'up and down', target: () => '../d/f' },
  { name: 'an absolute path', target: dir => `${dir}/d/f` },
  { name: 'another link', target: () => 'again' },
];

function* followed(): Iterable<Case> {
  for (const { name, target } of WAYS) {
    yield {
      name: `followed by ${name}`,
      run: box => {
        box.make('directory', 'd');
        box.make('directory', 'd/sub');
        box.write(box.at('d/f'), 'text');
        box.ok(call.symlink('f', box.at('d/again')), 'symlink');
        box.ok(call.symlink(target(box.dir), box.at('d/l')), 'symlink');
        box.is(box.content(box.at('d/l')), 'text', 'content');
        box.is(box.must(call.stat(box.at('d/l'))).ino, box.lstat(box.at('d/f')).ino, 'inode');
      },
    };
  }
  yield {
    name: 'whatever its owner is',
    by: member,
    run: box => {
      box.make('regular', 'f');
      box.make('link to nothing', 'l', { uid: 0, gid: 0 });
      box.write(box.at('l.target'), 'text');
      box.is(box.content(box.at('l')), 'text', 'content');
    },
  };
}

export const symlink = group('symlink', function* () {
  yield* byBoth(targets(), owner);
  yield* byBoth(readlinks(), owner);
  yield* followed();
});
