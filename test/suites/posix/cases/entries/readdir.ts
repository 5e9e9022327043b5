/** Listings: complete, each name once, also in large directories and while they change. */
import { O_DIRECTORY, O_RDONLY } from '#src/sys/constants.ts';
import * as call from '../../support/calls.ts';
import { byBoth, type Case, group } from '../../support/case.ts';
import { KINDS, needsOf } from '../../support/kinds.ts';
import { owner } from '../../support/people.ts';

const numbered = (count: number): string[] =>
  Array.from({ length: count }, (_, index) => `n${String(index).padStart(4, '0')}`);

function* sizes(): Iterable<Case> {
  for (const count of [0, 1, 2, 100, 500]) {
    yield {
      name: `${count} names`,
      run: box => {
        for (const name of numbered(count)) box.ok(call.symlink('x', box.at(name)), 'symlink');
        const names = box.must(call.readdir(box.dir));
        box.is([...names].sort(), ['.', '..', ...numbered(count)], 'names');
      },
    };
  }
  yield {
    name: '200 names of 255 bytes',
    run: box => {
      const wanted = numbered(200).map(name => name.padEnd(255, 'x'));
      for (const name of wanted) box.ok(call.symlink('x', box.at(name)), 'symlink');
      box.is(box.names(), wanted, 'names');
    },
  };
}

function* kinds(): Iterable<Case> {
  for (const kind of KINDS) {
    yield {
      name: `with a ${kind}`,
      ...needsOf(kind),
      run: box => {
        box.make(kind, 'x');
        box.is(box.names().includes('x'), true, 'whether it is listed');
      },
    };
    yield {
      name: `of a ${kind}`,
      ...needsOf(kind),
      run: box => {
        const answer = call.readdir(box.make(kind, 'x'));
        const wanted =
          kind === 'link to itself'
            ? 'ELOOP'
            : kind === 'link to nothing'
              ? 'ENOENT'
              : kind.endsWith('directory')
                ? ['.', '..']
                : 'ENOTDIR';
        box.is(typeof answer === 'string' ? answer : [...answer].sort(), wanted, 'readdir');
      },
    };
  }
}

function* changes(): Iterable<Case> {
  yield {
    name: 'seen again after rewinding',
    run: box => {
      const fd = box.open(box.dir, O_RDONLY | O_DIRECTORY);
      box.is(box.must(call.readdirFd(fd)).length, 2, 'names at first');
      for (const name of ['a', 'b']) box.make('regular', name);
      box.ok(call.rewind(fd), 'lseek');
      box.is([...box.must(call.readdirFd(fd))].sort(), ['.', '..', 'a', 'b'], 'names after two were made');
      box.ok(call.unlink(box.at('a')), 'unlink');
      box.ok(call.rewind(fd), 'lseek');
      box.is([...box.must(call.readdirFd(fd))].sort(), ['.', '..', 'b'], 'names after one was removed');
    },
  };
  yield {
    name: 'while the reader removes the names',
    run: box => {
      const count = 300;
      for (const name of numbered(count)) box.make('link to nothing', name);
      const fd = box.open(box.dir, O_RDONLY | O_DIRECTORY);
      const seen = box.must(call.readdirFd(fd));
      for (const name of seen) if (name !== '.' && name !== '..') box.ok(call.unlink(box.at(name)), 'unlink');
      box.is(seen.length, count + 2, 'names seen');
      box.is(box.names(), [], 'names left');
    },
  };
  yield {
    name: 'of a removed directory',
    run: box => {
      const dir = box.make('directory', 'd');
      box.ok(call.rmdir(dir), 'rmdir');
      box.is(call.readdir(dir), 'ENOENT', 'readdir');
    },
  };
  yield {
    name: 'inode numbers agree with stat',
    run: box => {
      for (const kind of ['regular', 'directory', 'fifo', 'link to nothing'] as const) box.make(kind);
      for (const [name, ino] of box.must(call.inodes(box.dir))) {
        if (name !== '..') box.is(ino, box.lstat(box.at(name)).ino, `inode of ${name}`);
      }
    },
  };
  yield {
    name: 'dot and dot-dot lead where they should',
    run: box => {
      const dir = box.make('directory', 'd');
      box.is(box.lstat(`${dir}/.`).ino, box.lstat(dir).ino, '.');
      box.is(box.lstat(`${dir}/..`).ino, box.lstat(box.dir).ino, '..');
    },
  };
}

export const readdir = group('readdir', function* () {
  yield* sizes();
  yield* kinds();
  yield* byBoth(changes(), owner);
});
