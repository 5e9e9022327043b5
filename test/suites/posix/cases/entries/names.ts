/** Names with every byte, and names and paths of the greatest length. */
import { O_CREAT, O_EXCL, O_RDONLY, O_WRONLY } from '#src/sys/constants.ts';
import type { Box } from '../../support/box.ts';
import * as call from '../../support/calls.ts';
import { byBoth, type Case, group } from '../../support/case.ts';
import { PATH_CALLS } from '../../support/path-calls.ts';
import { owner } from '../../support/people.ts';

const NAME_MAX = 255;
const PATH_MAX = 4096;
const latin1 = (text: string): string => Buffer.from(text).toString('latin1');

/** Makes a name, finds it, lists it, renames it and removes it. */
function lifeOf(box: Box, name: string): void {
  const path = box.at(name);
  box.ok(call.tryOpen(path, O_CREAT | O_EXCL | O_WRONLY), 'open');
  box.is(box.names(), [name], 'names');
  box.exists(path);
  box.ok(call.rename(path, box.at('other')), 'rename away');
  box.ok(call.rename(box.at('other'), path), 'rename back');
  box.ok(call.unlink(path), 'unlink');
  box.is(box.names(), [], 'names afterwards');
}

function* bytes(): Iterable<Case> {
  for (let byte = 1; byte <= 255; byte++) {
    const character = String.fromCharCode(byte);
    if (character === '/' || character === '.') continue;
    yield {
      name: `byte ${byte.toString(16).padStart(2, '0')}`,
      run: box => {
        // The byte alone, and where a codec might mistreat it.
        for (const name of [character, `a${character}`, `${character}b`]) {
          box.ok(call.tryOpen(box.at(name), O_CREAT | O_EXCL | O_WRONLY), 'open');
        }
        box.is(box.names(), [character, `a${character}`, `${character}b`].sort(), 'names');
        box.is(call.readlink(box.at(character)), { error: 'EINVAL' }, 'readlink');
        box.ok(call.unlink(box.at(`a${character}`)), 'unlink');
        box.is(box.names(), [character, `${character}b`].sort(), 'names afterwards');
      },
    };
  }
}

const NAMES: Record<string, string> = {
  'three dots': '...',
  'a dot in front': '.a',
  'two dots in front': '..a',
  'a dot behind': 'a.',
  'a space': ' ',
  'a tilde': '~',
  'a dash': '-rf',
  'UTF-8, composed': latin1('é'),
  'UTF-8, decomposed': latin1('e\u0301'),
  'UTF-8 of four bytes': latin1('😀'),
  'half of a UTF-8 character': '\xc3',
  'overlong UTF-8': '\xc0\xaf',
  'a surrogate in UTF-8': '\xed\xa0\x80',
  'the longest': 'n'.repeat(NAME_MAX),
  'the longest, of one odd byte': '\xff'.repeat(NAME_MAX),
  'the longest, in UTF-8': latin1('é'.repeat(127)) + 'x',
  '.nfs and a number': '.nfs0000000000000001',
};

function* names(): Iterable<Case> {
  for (const [what, name] of Object.entries(NAMES)) yield { name: what, run: box => lifeOf(box, name) };
  yield {
    name: 'case matters',
    run: box => {
      for (const name of ['name', 'NAME', 'Name']) box.write(box.at(name), name);
      box.is(box.names(), ['NAME', 'Name', 'name'], 'names');
      box.is(box.content(box.at('NAME')), 'NAME', 'content');
    },
  };
  yield {
    name: 'composed and decomposed UTF-8 are two names',
    run: box => {
      for (const name of [latin1('é'), latin1('e\u0301')]) box.write(box.at(name), name);
      box.is(box.names().length, 2, 'names');
    },
  };
}

/** Makes nested directories such that a name in the last one has a path of exactly `length` bytes. Returns the name. */
function deep(box: Box, length: number): string {
  let path = box.dir;
  // Each step leaves room for a slash and a name of at least one byte.
  while (length - path.length - 1 > NAME_MAX) {
    path += `/${'d'.repeat(Math.min(NAME_MAX - 5, length - path.length - 3))}`;
    box.must(call.mkdir(path), 'mkdir');
  }
  return `${path}/${'f'.repeat(length - path.length - 1)}`;
}

function* paths(): Iterable<Case> {
  for (const one of PATH_CALLS) {
    yield {
      name: `${PATH_MAX - 1} bytes of path/${one.name}`,
      except: 'long-paths',
      run: box => {
        const path = deep(box, PATH_MAX - 1);
        const [directory, name] = [path.slice(0, path.lastIndexOf('/')), path.slice(path.lastIndexOf('/') + 1)];
        // What the call needs there is made through a shorter path, because the target of a symlink stands beside it
        // under a longer name.
        box.ok(call.symlink(directory, box.at('short')), 'symlink');
        if (one.wants !== undefined) {
          const made = box.make(one.wants, 'made');
          box.ok(call.rename(made, box.at(`short/${name}`)), 'rename');
        }
        one.prepare?.(box);
        box.ok(one.run(path, box), one.name);
        if (one.does === 'makes') box.exists(path);
        if (one.does === 'removes') box.gone(path);
      },
    };
  }
  yield {
    name: 'directories deeper than the longest path',
    except: 'long-paths',
    run: box => {
      const name = 'd'.repeat(NAME_MAX);
      const depth = 20;
      for (let i = 0; i < depth; i++) {
        box.ok(call.mkdir(i === 0 ? box.at(name) : name), `mkdir ${i}`);
        box.ok(call.chdir(i === 0 ? box.at(name) : name), `chdir ${i}`);
      }
      box.ok(call.tryOpen('file', O_CREAT | O_WRONLY), 'creat at the bottom');
      box.ok(call.tryOpen('file', O_RDONLY), 'open at the bottom');
      box.ok(call.unlink('file'), 'unlink at the bottom');
      for (let i = 0; i < depth; i++) {
        box.ok(call.chdir('..'), `chdir up ${i}`);
        box.ok(call.rmdir(name), `rmdir ${i}`);
      }
      box.is(box.lstat('.').ino, box.lstat(box.dir).ino, 'inode of the directory at the top');
      call.chdir('/');
    },
  };
}

export const naming = group('names', function* () {
  yield* bytes();
  yield* byBoth(names(), owner);
  yield* paths();
});
