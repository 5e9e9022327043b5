/** Making objects: mode and umask, the owner and group of the new object, and names that exist. */
import { O_CREAT, O_EXCL, O_WRONLY, S_IFBLK, S_IFCHR, S_IFIFO, S_IFREG, S_IFSOCK } from '#src/sys/constants.ts';
import { umask } from '#src/sys/libc.ts';
import * as call from '../../support/calls.ts';
import type { Outcome } from '../../support/calls.ts';
import { byBoth, type Case, group } from '../../support/case.ts';
import {
  BLOCK_DEVICE,
  CHAR_DEVICE,
  KINDS,
  type Link,
  makedev,
  needsOf,
  type Plain,
  typeOf,
} from '../../support/kinds.ts';
import { loner, member, OTHER_TEAM, owner, root, stranger, TEAM } from '../../support/people.ts';

interface Maker {
  readonly name: string;
  readonly kind: Plain | Link;
  readonly run: (path: string, mode: number) => Outcome;
  /** The bits that are kept of the mode asked for. */
  readonly keeps: number;
}

const MAKERS: readonly Maker[] = [
  {
    name: 'open O_CREAT',
    kind: 'regular',
    keeps: 0o7777,
    run: (path, mode) => call.tryOpen(path, O_CREAT | O_WRONLY, mode),
  },
  {
    name: 'open O_CREAT|O_EXCL',
    kind: 'regular',
    keeps: 0o7777,
    run: (path, mode) => call.tryOpen(path, O_CREAT | O_EXCL | O_WRONLY, mode),
  },
  // POSIX leaves it to the system whether mkdir accepts other bits. Linux ignores the set-id bits.
  { name: 'mkdir', kind: 'directory', keeps: 0o1777, run: call.mkdir },
  { name: 'mkfifo', kind: 'fifo', keeps: 0o7777, run: (path, mode) => call.mknod(path, S_IFIFO | mode) },
  { name: 'mknod of a file', kind: 'regular', keeps: 0o7777, run: (path, mode) => call.mknod(path, S_IFREG | mode) },
  { name: 'mknod of a socket', kind: 'socket', keeps: 0o7777, run: (path, mode) => call.mknod(path, S_IFSOCK | mode) },
  {
    name: 'mknod of a block device',
    kind: 'block',
    keeps: 0o7777,
    run: (path, mode) => call.mknod(path, S_IFBLK | mode, BLOCK_DEVICE),
  },
  {
    name: 'mknod of a character device',
    kind: 'char',
    keeps: 0o7777,
    run: (path, mode) => call.mknod(path, S_IFCHR | mode, CHAR_DEVICE),
  },
  { name: 'symlink', kind: 'link to nothing', keeps: 0, run: path => call.symlink('nothing', path) },
];
const isDevice = (maker: Maker): boolean => maker.kind === 'block' || maker.kind === 'char';
const octal = (mode: number): string => mode.toString(8).padStart(4, '0');

function withUmask<T>(mask: number, work: () => T): T {
  const before = umask(mask);
  try {
    return work();
  } finally {
    umask(before);
  }
}

function* modes(): Iterable<Case> {
  for (const maker of MAKERS) {
    for (const mode of maker.keeps === 0 ? [0] : [0, 0o777, 0o644, 0o421, 0o1755, 0o2755, 0o4755, 0o7777]) {
      for (const mask of [0, 0o022, 0o027, 0o077, 0o777]) {
        yield {
          name: `${maker.name}/mode ${octal(mode)} umask ${octal(mask)}`,
          ...needsOf(maker.kind),
          run: box => {
            const path = box.at('new');
            const refused = isDevice(maker) && box.by.uid !== 0;
            box.is(
              withUmask(mask, () => maker.run(path, mode)),
              refused ? 'EPERM' : 'OK',
              maker.name,
            );
            if (refused) return box.gone(path);
            const made = box.lstat(path);
            const wanted = maker.kind === 'link to nothing' ? 0o777 : mode & maker.keeps & ~mask;
            box.is([made.type, octal(made.mode)], [typeOf(maker.kind), octal(wanted)], 'type and mode');
            box.is(made.nlink, maker.kind === 'directory' ? 2 : 1, 'links');
            box.is([made.uid, made.gid], [box.by.uid, box.by.gid], 'owner');
          },
        };
      }
    }
  }
}

function* existing(): Iterable<Case> {
  for (const maker of MAKERS) {
    if (maker.name === 'open O_CREAT') continue;
    for (const kind of KINDS) {
      yield {
        name: `${maker.name}/over a ${kind}`,
        ...needsOf(maker.kind, kind),
        run: box => {
          const path = box.make(kind, 'x');
          const before = box.lstat(path);
          box.is(maker.run(path, 0o600), 'EEXIST', maker.name);
          box.is(box.lstat(path), before, 'the existing object');
        },
      };
    }
    for (const there of ['.', '..', 'd/.', 'd/..']) {
      yield {
        name: `${maker.name}/${there}`,
        ...needsOf(maker.kind),
        run: box => {
          box.make('directory', 'd');
          box.is(maker.run(box.at(there), 0o600), 'EEXIST', maker.name);
        },
      };
    }
  }
}

/**
 * A new object gets the group of a directory with S_ISGID, and a new directory inherits the bit. A file keeps setgid
 * only if its owner is in the group.
 */
function* owners(): Iterable<Case> {
  for (const maker of MAKERS) {
    for (const person of [root, owner, loner, member, stranger]) {
      for (const parent of [0o777, 0o2777]) {
        for (const mode of [0o644, 0o2775]) {
          const isDirectory = maker.kind === 'directory';
          const inherits = (parent & 0o2000) !== 0;
          const mayKeep = !inherits || person.uid === 0 || person.groups.includes(TEAM) || person.gid === TEAM;
          const asked = isDirectory ? mode & 0o1777 : mode;
          const keeps = isDirectory ? asked | (inherits ? 0o2000 : 0) : mayKeep ? asked : asked & ~0o2000;
          const refused = isDevice(maker) && person.uid !== 0;
          yield {
            name: `${maker.name}/${octal(mode)} in ${octal(parent)} by ${person.name}`,
            by: person,
            run: box => {
              const dir = box.make('directory', 'd', { mode: parent, uid: 0, gid: TEAM });
              const path = `${dir}/new`;
              box.is(maker.run(path, mode), refused ? 'EPERM' : 'OK', maker.name);
              if (refused) return box.gone(path);
              const made = box.lstat(path);
              box.is([made.uid, made.gid], [person.uid, inherits ? TEAM : person.gid], 'owner');
              box.is(octal(made.mode), maker.keeps === 0 ? '0777' : octal(keeps), 'mode');
            },
          };
        }
      }
    }
  }
}

function* devices(): Iterable<Case> {
  for (const [major, minor] of [
    [1, 3],
    [8, 0],
    [255, 255],
    [240, 200],
  ] as const) {
    for (const kind of ['block', 'char'] as const) {
      yield {
        name: `${kind} device ${major}, ${minor}`,
        needs: ['root'],
        run: box => {
          const path = box.at('dev');
          box.ok(call.mknod(path, typeOf(kind) | 0o600, makedev(major, minor)), 'mknod');
          box.is(box.lstat(path).rdev, BigInt(makedev(major, minor)), 'number');
        },
      };
    }
  }
  yield {
    name: 'a large device number',
    needs: ['root'],
    run: box => {
      // A major number of twelve bits and a minor number of twenty. The upper bits of the minor number are above the
      // major number.
      const device = 0xabc * 0x10_0000 + (0xfff << 8) + 0xff;
      box.ok(call.mknod(box.at('dev'), S_IFCHR | 0o600, device), 'mknod');
      box.is(box.lstat(box.at('dev')).rdev, BigInt(device), 'number');
    },
  };
}

function* others(): Iterable<Case> {
  yield {
    name: 'mkdir/links of the parent',
    run: box => {
      const before = box.lstat(box.dir).nlink;
      box.ok(call.mkdir(box.at('d')), 'mkdir');
      box.is(box.lstat(box.dir).nlink, before + 1, 'links with one more directory');
      box.ok(call.rmdir(box.at('d')), 'rmdir');
      box.is(box.lstat(box.dir).nlink, before, 'links afterwards');
    },
  };
  yield {
    name: 'mkdir/with a slash',
    run: box => {
      box.ok(call.mkdir(box.at('d/')), 'mkdir');
      box.is(call.mkdir(box.at('d/')), 'EEXIST', 'mkdir again');
    },
  };
  yield {
    name: 'open O_CREAT/with a slash',
    run: box => {
      box.is(call.tryOpen(box.at('f/'), O_CREAT | O_WRONLY), 'EISDIR', 'open');
      box.gone(box.at('f'));
    },
  };
  yield {
    name: 'mkdir/in a group of the owner',
    by: { ...owner, gid: OTHER_TEAM },
    run: box => {
      box.ok(call.mkdir(box.at('d')), 'mkdir');
      box.is(box.lstat(box.at('d')).gid, OTHER_TEAM, 'group');
    },
  };
}

export const create = group('create', function* () {
  yield* byBoth(modes(), owner);
  yield* byBoth(existing(), owner);
  yield* owners();
  yield* devices();
  yield* others();
});
