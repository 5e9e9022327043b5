/** open(2): each kind of object × each set of flags, and which callers may open. */
import { constants } from 'node:fs';
import { O_CREAT, O_DIRECTORY, O_EXCL, O_NOFOLLOW, O_NONBLOCK } from '#src/sys/constants.ts';
import { O_RDONLY, O_RDWR, O_WRONLY } from '#src/sys/constants.ts';
import * as call from '../../support/calls.ts';
import type { Outcome } from '../../support/calls.ts';
import { byBoth, type Case, group } from '../../support/case.ts';
import { followed, isLink, type Kind, KINDS, needsOf } from '../../support/kinds.ts';
import { modesFor } from '../../support/modes.ts';
import { as, owner, self } from '../../support/people.ts';

const { O_TRUNC, O_APPEND, O_SYNC } = constants;

const WAYS: Record<string, number> = { read: O_RDONLY, write: O_WRONLY, both: O_RDWR };
const FLAGS: Record<string, number> = {
  '': 0,
  O_APPEND,
  O_TRUNC,
  O_SYNC,
  O_DIRECTORY,
  O_NOFOLLOW,
  'O_DIRECTORY|O_NOFOLLOW': O_DIRECTORY | O_NOFOLLOW,
  O_CREAT,
  'O_CREAT|O_TRUNC': O_CREAT | O_TRUNC,
  'O_CREAT|O_NOFOLLOW': O_CREAT | O_NOFOLLOW,
  'O_CREAT|O_EXCL': O_CREAT | O_EXCL,
  'O_CREAT|O_EXCL|O_TRUNC': O_CREAT | O_EXCL | O_TRUNC,
};

/** The outcome of open for an object that the caller has all rights to. */
function expected(kind: Kind | 'nothing', way: number, flags: number): Outcome {
  if (kind === 'nothing') return (flags & O_CREAT) === 0 ? 'ENOENT' : 'OK';
  if ((flags & O_CREAT) !== 0 && (flags & O_EXCL) !== 0) return 'EEXIST';
  if (isLink(kind) && (flags & O_NOFOLLOW) !== 0) return (flags & O_DIRECTORY) === 0 ? 'ELOOP' : 'ENOTDIR';
  const target = followed(kind);
  if (target === undefined) return kind === 'link to itself' ? 'ELOOP' : (flags & O_CREAT) === 0 ? 'ENOENT' : 'OK';
  if (target === 'directory') return way !== O_RDONLY || (flags & (O_CREAT | O_TRUNC)) !== 0 ? 'EISDIR' : 'OK';
  if ((flags & O_DIRECTORY) !== 0) return 'ENOTDIR';
  // No process reads from the fifo, no driver has the block device, and sockets cannot be opened.
  if (target === 'fifo') return way === O_WRONLY ? 'ENXIO' : 'OK';
  return target === 'socket' || target === 'block' ? 'ENXIO' : 'OK';
}

function* flagsByKind(): Iterable<Case> {
  for (const kind of [...KINDS, 'nothing'] as const) {
    for (const [wayName, way] of Object.entries(WAYS)) {
      for (const [flagName, flags] of Object.entries(FLAGS)) {
        yield {
          name: `${kind}/${wayName} ${flagName}`.trimEnd(),
          ...(kind === 'nothing' ? {} : needsOf(kind)),
          run: box => {
            const path = kind === 'nothing' ? box.at('nothing') : box.make(kind, 'x');
            const isFile = kind !== 'nothing' && followed(kind) === 'regular';
            if (isFile) box.write(path, 'text');
            const before = box.names();
            const wanted = expected(kind, way, flags);
            box.is(call.tryOpen(path, way | flags | O_NONBLOCK, 0o640), wanted, 'open');
            if (isFile) box.is(box.content(path), (flags & O_TRUNC) !== 0 && wanted === 'OK' ? '' : 'text', 'content');
            const made = wanted === 'OK' && (kind === 'nothing' || kind === 'link to nothing');
            const more = !made ? [] : [kind === 'nothing' ? 'nothing' : 'x.target'];
            box.is(box.names(), [...before, ...more].sort(), 'names');
            for (const name of more) box.is(box.lstat(box.at(name)).mode, 0o640, 'mode of the new file');
          },
        };
      }
    }
  }
}

const READ = 4;
const WRITE = 2;
const RIGHTS: readonly { name: string; flags: number; needed: number }[] = [
  { name: 'read', flags: O_RDONLY, needed: READ },
  { name: 'write', flags: O_WRONLY, needed: WRITE },
  { name: 'both', flags: O_RDWR, needed: READ | WRITE },
  { name: 'write O_TRUNC', flags: O_WRONLY | O_TRUNC, needed: WRITE },
  { name: 'write O_CREAT', flags: O_WRONLY | O_CREAT, needed: WRITE },
  { name: 'read O_CREAT', flags: O_RDONLY | O_CREAT, needed: READ },
];

function* rights(): Iterable<Case> {
  for (const kind of ['regular', 'fifo', 'char', 'link to regular'] as const) {
    for (const { person, bits, mode, uid, gid } of modesFor(0o7)) {
      for (const { name, flags, needed } of RIGHTS) {
        if (kind === 'fifo' && flags !== O_RDONLY && flags !== O_RDWR) continue;
        const allowed = person.uid === 0 || (bits & needed) === needed;
        yield {
          name: `rights/${kind}/${name}/${person.name} with ${bits.toString(8)}`,
          by: person,
          ...needsOf(kind),
          run: box => {
            const path = box.make(kind, 'x', { mode: 0o666, uid, gid });
            as(self, () => {
              if (kind === 'regular') box.write(path, 'text');
              box.ok(call.chmod(path, mode), 'chmod');
            });
            box.is(call.tryOpen(path, flags | O_NONBLOCK), allowed ? 'OK' : 'EACCES', 'open');
            if (kind !== 'regular') return;
            const emptied = allowed && (flags & O_TRUNC) !== 0;
            box.is(
              as(self, () => box.content(path)),
              emptied ? '' : 'text',
              'content',
            );
          },
        };
      }
    }
  }
}

/** What a descriptor may do is decided when it is opened. */
function* descriptors(): Iterable<Case> {
  for (const [name, mode] of Object.entries({ 'read-only': 0o444, 'without any rights': 0 })) {
    yield {
      name: `created ${name}, then written`,
      by: owner,
      run: box => {
        const fd = box.open(box.at('f'), O_RDWR | O_CREAT | O_EXCL, mode);
        box.is(call.write(fd, 'text'), 4, 'write');
        box.ok(call.fsync(fd), 'fsync');
        box.ok(call.ftruncate(fd, 2), 'ftruncate');
        box.is(call.pread(fd, 10, 0), 'te', 'pread');
        box.close(fd);
        box.is(box.lstat(box.at('f')).size, 2, 'size');
      },
    };
  }
  yield {
    name: 'descriptors used in the wrong direction',
    run: box => {
      box.write(box.at('f'), 'text');
      const reads = box.open(box.at('f'), O_RDONLY);
      box.is(call.write(reads, 'x'), 'EBADF', 'write to a descriptor open for reading');
      box.is(call.ftruncate(reads, 0), 'EINVAL', 'ftruncate of it');
      const writes = box.open(box.at('f'), O_WRONLY);
      box.is(call.read(writes, 1), { error: 'EBADF' }, 'read from a descriptor open for writing');
      const directory = box.open(box.dir, O_RDONLY);
      box.is(call.read(directory, 1), { error: 'EISDIR' }, 'read from a directory');
      box.is(box.content(box.at('f')), 'text', 'content');
    },
  };
}

export const open = group('open', function* () {
  yield* byBoth(flagsByKind(), owner);
  yield* rights();
  yield* descriptors();
});
