/** truncate(2) and ftruncate(2). */
import { constants } from 'node:fs';
import * as call from '../../support/calls.ts';
import type { Outcome } from '../../support/calls.ts';
import { byBoth, type Case, group } from '../../support/case.ts';
import { followed, isLink, KINDS, needsOf } from '../../support/kinds.ts';
import { modesFor } from '../../support/modes.ts';
import { as, member, owner, self, stranger, TEAM } from '../../support/people.ts';

const { O_RDWR, O_TRUNC, O_WRONLY } = constants;
const WRITE = 2;
const GIB = 1024 ** 3;
const TEXT = 'twelve bytes';

function* byKind(): Iterable<Case> {
  for (const kind of KINDS) {
    const target = followed(kind);
    const wanted: Outcome =
      kind === 'link to itself'
        ? 'ELOOP'
        : target === undefined
          ? 'ENOENT'
          : target === 'regular'
            ? 'OK'
            : target === 'directory'
              ? 'EISDIR'
              : 'EINVAL';
    for (const size of [0, 5, 100]) {
      yield {
        name: `a ${kind} to ${size}`,
        ...needsOf(kind),
        run: box => {
          const path = box.make(kind, 'x');
          if (target === 'regular') box.write(path, TEXT);
          const link = isLink(kind) ? box.lstat(path) : undefined;
          box.is(call.truncate(path, size), wanted, 'truncate');
          if (target === 'regular') box.is(box.content(path), TEXT.slice(0, size).padEnd(size, '\0'), 'content');
          if (link !== undefined) box.unchanged(path, link, 'the link');
        },
      };
    }
  }
}

function* sizes(): Iterable<Case> {
  for (const size of [
    0,
    1,
    4095,
    4096,
    4097,
    65536,
    2 ** 31 - 1,
    2 ** 31,
    2 ** 32 - 1,
    2 ** 32,
    2 ** 32 + 1,
    5 * GIB,
    1024 * GIB,
  ]) {
    for (const way of ['truncate', 'ftruncate'] as const) {
      yield {
        name: `${way} to ${size}`,
        run: box => {
          const path = box.at('f');
          box.write(path, TEXT);
          if (way === 'truncate') box.ok(call.truncate(path, size), way);
          else box.ok(call.ftruncate(box.open(path, O_WRONLY), size), way);
          box.is(box.lstat(path).size, size, 'size');
          const fd = box.open(path, O_RDWR);
          box.is(
            call.pread(fd, TEXT.length, 0),
            TEXT.slice(0, size).padEnd(Math.min(size, TEXT.length), '\0'),
            'start',
          );
          if (size > 65536) box.is(call.pread(fd, 8, size - 4), '\0\0\0\0', 'end');
          box.ok(call.ftruncate(fd, 3), 'ftruncate to 3');
          box.ok(call.ftruncate(fd, 10), 'ftruncate to 10');
          box.is(
            call.pread(fd, 20, 0),
            TEXT.slice(0, Math.min(size, 3)).padEnd(10, '\0'),
            'after shrinking and growing',
          );
        },
      };
    }
  }
  for (const [name, size, wanted] of [
    ['a negative size', -1, 'EINVAL'],
    ['more than ext4 can hold', 2 ** 62, 'EFBIG'],
  ] as const) {
    yield {
      name,
      run: box => {
        const path = box.at('f');
        box.write(path, TEXT);
        box.is(call.truncate(path, size), wanted, 'truncate');
        box.is(call.ftruncate(box.open(path, O_WRONLY), size), wanted, 'ftruncate');
        box.is(box.content(path), TEXT, 'content');
      },
    };
  }
}

function* rights(): Iterable<Case> {
  for (const { person, bits, mode, uid, gid } of modesFor(0o7)) {
    for (const size of [0, 100]) {
      const allowed = person.uid === 0 || (bits & WRITE) !== 0;
      yield {
        name: `to ${size} by ${person.name} with ${bits.toString(8)}`,
        by: person,
        run: box => {
          const path = box.make('regular', 'x', { mode: 0o666, uid, gid });
          as(self, () => {
            box.write(path, TEXT);
            box.ok(call.chmod(path, mode), 'chmod');
          });
          box.is(call.truncate(path, size), allowed ? 'OK' : 'EACCES', 'truncate');
          box.is(box.lstat(path).size, allowed ? size : TEXT.length, 'size');
        },
      };
    }
  }
}

/** A client leaves out the size if it does not change, and sends the mtime alone. */
function* empty(): Iterable<Case> {
  for (const person of [owner, member, stranger]) {
    const wanted = person === stranger ? 'EACCES' : 'OK';
    yield {
      name: `of an empty file by ${person.name}`,
      by: person,
      run: box => {
        const path = box.make('regular', 'x', { mode: 0o664, uid: owner.uid, gid: TEAM });
        box.is(call.truncate(path, 0), wanted, 'truncate');
        box.is(call.tryOpen(path, O_WRONLY | O_TRUNC), wanted, 'open O_TRUNC');
      },
    };
  }
}

export const truncate = group('truncate', function* () {
  yield* byBoth(byKind(), owner);
  yield* sizes();
  yield* rights();
  yield* empty();
});
