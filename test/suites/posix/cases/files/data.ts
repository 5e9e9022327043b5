/** Reads return what was written: holes, offsets past 4 GiB, appending, and the set-id bits that a write clears. */
import { constants } from 'node:fs';
import * as call from '../../support/calls.ts';
import { byBoth, type Case, group } from '../../support/case.ts';
import { as, member, owner, type Person, root, self, stranger, TEAM } from '../../support/people.ts';

const { O_APPEND, O_CREAT, O_EXCL, O_RDONLY, O_RDWR, O_SYNC, O_TRUNC, O_WRONLY } = constants;
const O_DSYNC = constants.O_DSYNC;
const GIB = 1024 ** 3;
const octal = (mode: number): string => mode.toString(8).padStart(4, '0');

function* offsets(): Iterable<Case> {
  const places = [
    0,
    1,
    511,
    4095,
    4096,
    65535,
    131071,
    1024 ** 2,
    2 ** 31 - 2,
    2 ** 31,
    2 ** 32 - 2,
    2 ** 32,
    2 ** 32 + 1,
    5 * GIB,
    1024 * GIB,
  ];
  for (const offset of places) {
    yield {
      name: `a write at ${offset}`,
      run: box => {
        const path = box.at('f');
        const fd = box.open(path, O_RDWR | O_CREAT | O_EXCL);
        box.is(call.pwrite(fd, 'text', offset), 4, 'pwrite');
        box.is(box.must(call.fstat(fd)).size, offset + 4, 'size at once');
        box.close(fd);
        box.is(box.lstat(path).size, offset + 4, 'size');
        const again = box.open(path, O_RDONLY);
        box.is(call.pread(again, 10, offset), 'text', 'pread');
        const before = Math.min(offset, 8);
        box.is(call.pread(again, before + 4, offset - before), '\0'.repeat(before) + 'text', 'pread from before');
        box.is(call.pread(again, 10, offset + 4), '', 'pread at the end');
        box.is(call.pread(again, 10, offset + 9999), '', 'pread after the end');
      },
    };
  }
  yield {
    name: 'a file of holes',
    run: box => {
      const path = box.at('f');
      const fd = box.open(path, O_RDWR | O_CREAT);
      const wanted = Buffer.alloc(300_000);
      for (const offset of [0, 70_000, 140_001, 299_000]) {
        box.is(call.pwrite(fd, 'x'.repeat(1000), offset), 1000, 'pwrite');
        wanted.fill('x', offset, offset + 1000);
      }
      box.close(fd);
      const read = box.must(call.pread(box.open(path, O_RDONLY), 400_000, 0)) as string;
      box.is(read.length, wanted.length, 'length');
      box.is(Buffer.from(read, 'latin1').equals(wanted), true, 'whether the content is the same');
    },
  };
  yield {
    name: 'a megabyte in odd pieces',
    run: box => {
      const path = box.at('f');
      const wanted = Buffer.from(Array.from({ length: 1_000_003 }, (_, index) => (index * 7919) % 251));
      const fd = box.open(path, O_WRONLY | O_CREAT);
      for (let at = 0; at < wanted.length; at += 65_521) {
        const piece = wanted.subarray(at, at + 65_521);
        box.is(call.write(fd, piece), piece.length, 'write');
      }
      box.ok(call.fsync(fd), 'fsync');
      box.close(fd);
      const read = box.must(call.pread(box.open(path, O_RDONLY), 1_100_000, 0)) as string;
      box.is(Buffer.from(read, 'latin1').equals(wanted), true, 'whether the content is the same');
    },
  };
}

function* flags(): Iterable<Case> {
  yield {
    name: 'O_APPEND writes at the end, wherever the file was read',
    run: box => {
      box.write(box.at('f'), 'one');
      const fd = box.open(box.at('f'), O_RDWR | O_APPEND);
      box.is(call.read(fd, 1), 'o', 'read');
      box.is(call.write(fd, ' two'), 4, 'write');
      const other = box.open(box.at('f'), O_WRONLY | O_APPEND);
      box.is(call.write(other, ' three'), 6, 'write by another descriptor');
      box.is(call.write(fd, ' four'), 5, 'write by the first');
      box.is(box.content(box.at('f')), 'one two three four', 'content');
      box.ok(call.ftruncate(fd, 3), 'ftruncate');
      box.is(call.write(fd, '!'), 1, 'write after that');
      box.is(box.content(box.at('f')), 'one!', 'content after that');
    },
  };
  for (const [name, flag] of Object.entries({ O_SYNC, O_DSYNC })) {
    yield {
      name: `${name}`,
      run: box => {
        const fd = box.open(box.at('f'), O_RDWR | O_CREAT | flag);
        for (let i = 0; i < 5; i++) box.is(call.write(fd, `${i}`), 1, 'write');
        box.is(call.pread(fd, 10, 0), '01234', 'pread');
      },
    };
  }
  yield {
    name: 'O_TRUNC keeps the inode',
    run: box => {
      box.write(box.at('f'), 'text');
      const before = box.lstat(box.at('f'));
      box.ok(call.tryOpen(box.at('f'), O_WRONLY | O_TRUNC), 'open');
      const after = box.lstat(box.at('f'));
      box.is([after.ino, after.mode, after.size], [before.ino, before.mode, 0], 'inode, mode and size');
    },
  };
  yield {
    name: 'a copy written over itself grows and shrinks',
    run: box => {
      for (const size of [10, 100_000, 5, 0, 70_000, 1]) {
        box.write(box.at('f'), 'y'.repeat(size));
        box.is(box.lstat(box.at('f')).size, size, 'size');
      }
      box.is(box.content(box.at('f')), 'y', 'content');
    },
  };
}

/** Writing and truncating clear the set-id bits, except for root, which may set them. */
function* setIdBits(): Iterable<Case> {
  const MODES: readonly { mode: number; after: number }[] = [
    { mode: 0o4777, after: 0o777 },
    { mode: 0o2777, after: 0o777 },
    { mode: 0o6777, after: 0o777 },
    { mode: 0o4666, after: 0o666 },
    { mode: 0o1777, after: 0o1777 },
  ];
  const CHANGES: readonly { name: string; run: (path: string) => unknown }[] = [
    { name: 'write', run: path => write(path, O_WRONLY, 'x') },
    { name: 'append', run: path => write(path, O_WRONLY | O_APPEND, 'x') },
    { name: 'open O_TRUNC', run: path => call.tryOpen(path, O_WRONLY | O_TRUNC) },
    { name: 'truncate', run: path => call.truncate(path, 1) },
    { name: 'truncate to more', run: path => call.truncate(path, 1000) },
  ];
  for (const change of CHANGES) {
    for (const { mode, after } of MODES) {
      for (const person of [root, owner, member, stranger] as readonly Person[]) {
        yield {
          name: `set-id bits/${change.name} by ${person.name} of ${octal(mode)}`,
          by: person,
          run: box => {
            const path = box.make('regular', 'x', { mode: 0o777, uid: owner.uid, gid: TEAM });
            as(self, () => {
              box.write(path, 'text');
              box.ok(call.chmod(path, mode), 'chmod');
            });
            box.is(change.run(path), 'OK', change.name);
            box.is(octal(box.lstat(path).mode), octal(person === root ? mode : after), 'mode');
          },
        };
      }
    }
  }
  yield {
    name: 'set-id bits/a write of no bytes',
    by: stranger,
    run: box => {
      const path = box.make('regular', 'x', { mode: 0o6777, uid: owner.uid, gid: TEAM });
      const fd = box.open(path, O_WRONLY);
      box.is(call.write(fd, ''), 0, 'write');
      box.close(fd);
      box.is(octal(box.lstat(path).mode), '6777', 'mode');
    },
  };
}

function write(path: string, flags: number, text: string): call.Outcome {
  const fd = call.open(path, flags);
  if (typeof fd !== 'number') return fd;
  const count = call.write(fd, text);
  const closed = call.close(fd);
  return typeof count === 'number' ? closed : count;
}

/** Rights are checked when a file is opened, and not again. */
function* rights(): Iterable<Case> {
  for (const person of [owner, member, stranger]) {
    const name = person === owner ? 'its owner' : person.name;
    yield {
      name: `after chmod 0, ${name} goes on writing`,
      by: person,
      ...(person === owner ? {} : { except: 'rights-at-open' as const }),
      run: box => {
        const path = box.make('regular', 'x', { mode: 0o666, uid: owner.uid, gid: TEAM });
        const fd = box.open(path, O_RDWR);
        box.ok(
          as(self, () => call.chmod(path, 0)),
          'chmod',
        );
        box.is(call.write(fd, 'text'), 4, 'write');
        box.ok(call.fsync(fd), 'fsync');
        box.is(
          as(self, () => box.content(path)),
          'text',
          'content',
        );
      },
    };
  }
}

export const data = group('data', function* () {
  yield* byBoth(offsets(), owner);
  yield* byBoth(flags(), owner);
  yield* setIdBits();
  yield* rights();
});
