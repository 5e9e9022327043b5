/** Names on two file systems (EXDEV), and a file system that refuses changes (EROFS). */
import { constants } from 'node:fs';
import { S_IFIFO, S_IFSOCK } from '#src/sys/constants.ts';
import type { Box } from '../../support/box.ts';
import * as call from '../../support/calls.ts';
import type { Outcome } from '../../support/calls.ts';
import { type Case, group } from '../../support/case.ts';
import { followed, type Kind, KINDS, needsRoot } from '../../support/kinds.ts';
import { owner, root } from '../../support/people.ts';
import { stocked } from '../../support/stock.ts';

const { O_CREAT, O_EXCL, O_NONBLOCK, O_RDONLY, O_RDWR, O_TRUNC, O_WRONLY } = constants;

/** A name on the other file system that no other case uses. */
const elsewhere = (box: Box): string => `${box.places.other}/${box.dir.slice(box.dir.lastIndexOf('/') + 1)}`;

function* across(): Iterable<Case> {
  for (const kind of KINDS) {
    for (const [name, run] of Object.entries({ link: call.link, rename: call.rename })) {
      yield {
        name: `${name} of a ${kind} to another file system`,
        needs: needsRoot(kind) ? ['other', 'root'] : ['other'],
        run: box => {
          const path = box.make(kind, 'x');
          const before = box.lstat(path);
          box.is(run(path, elsewhere(box)), 'EXDEV', name);
          box.unchanged(path, before, 'the source');
          box.gone(elsewhere(box), 'the target');
        },
      };
    }
  }
  yield {
    name: 'a symlink to another file system',
    needs: ['other'],
    run: box => {
      const there = elsewhere(box);
      box.write(there, 'there');
      try {
        box.ok(call.symlink(there, box.at('l')), 'symlink');
        box.is(box.content(box.at('l')), 'there', 'content');
        box.is(box.must(call.stat(box.at('l'))).dev === box.lstat(box.dir).dev, false, 'whether it is the same device');
      } finally {
        box.ok(call.unlink(there), 'unlink');
      }
    },
  };
}

interface Refused {
  readonly name: string;
  readonly run: (path: string, beside: string) => Outcome;
  /** The kinds of object that the call needs to find. Undefined stands for every kind. */
  readonly kinds?: readonly Kind[];
  readonly outcome?: Outcome;
  /** Whether the client asks ACCESS, which cannot tell "read-only" from "forbidden". */
  readonly byAccess?: true;
}
const FILES: readonly Kind[] = ['regular', 'link to regular'];
/** Where two errors are possible, a client may report the one that it knows of without asking the server. */
const NO_DIRECTORY = KINDS.filter(kind => kind !== 'directory');
const REFUSED: readonly Refused[] = [
  { name: 'open to write', run: path => call.tryOpen(path, O_WRONLY), kinds: FILES, byAccess: true },
  { name: 'open to read and write', run: path => call.tryOpen(path, O_RDWR), kinds: FILES, byAccess: true },
  { name: 'open O_TRUNC', run: path => call.tryOpen(path, O_WRONLY | O_TRUNC), kinds: FILES, byAccess: true },
  { name: 'truncate', run: path => call.truncate(path, 0), kinds: FILES, byAccess: true },
  { name: 'access W_OK', run: path => call.access(path, 2), kinds: ['regular', 'directory'], byAccess: true },
  { name: 'chmod', run: path => call.chmod(path, 0o700) },
  { name: 'lchown', run: path => call.lchown(path, 1001, 1001) },
  { name: 'utimens', run: path => call.utimens(path, undefined, false) },
  { name: 'unlink', run: path => call.unlink(path), kinds: NO_DIRECTORY },
  { name: 'rmdir', run: path => call.rmdir(path), kinds: ['directory'] },
  { name: 'rename', run: (path, beside) => call.rename(path, beside) },
  { name: 'link', run: (path, beside) => call.link(path, beside), kinds: NO_DIRECTORY },
  {
    name: 'open O_CREAT of an existing file',
    run: path => call.tryOpen(path, O_RDONLY | O_CREAT),
    kinds: FILES,
    outcome: 'OK',
  },
  { name: 'open O_CREAT', run: (_, beside) => call.tryOpen(beside, O_CREAT | O_WRONLY), kinds: ['regular'] },
  { name: 'open O_EXCL', run: (_, beside) => call.tryOpen(beside, O_CREAT | O_EXCL | O_WRONLY), kinds: ['regular'] },
  { name: 'mkdir', run: (_, beside) => call.mkdir(beside), kinds: ['regular'] },
  { name: 'mkfifo', run: (_, beside) => call.mknod(beside, S_IFIFO | 0o600), kinds: ['regular'] },
  { name: 'mknod', run: (_, beside) => call.mknod(beside, S_IFSOCK | 0o600), kinds: ['regular'] },
  { name: 'symlink', run: (_, beside) => call.symlink('x', beside), kinds: ['regular'] },
  { name: 'mkdir of an existing name', run: path => call.mkdir(path), outcome: 'EEXIST' },
  { name: 'symlink of an existing name', run: path => call.symlink('x', path), outcome: 'EEXIST' },
];

function* readOnly(): Iterable<Case> {
  for (const { name, run, kinds, outcome, byAccess } of REFUSED) {
    for (const kind of kinds ?? KINDS) {
      for (const person of [root, owner]) {
        const follows = name === 'chmod';
        const lost = follows && followed(kind) === undefined;
        const wanted = outcome ?? (!lost ? 'EROFS' : kind === 'link to itself' ? 'ELOOP' : 'ENOENT');
        yield {
          name: `read-only/${name}/a ${kind} by ${person.name}`,
          needs: ['read-only', 'root'],
          by: person,
          ...(byAccess ? { except: 'read-only-access' as const } : {}),
          run: box => {
            const path = stocked(box.places.readOnly!, person === root ? 'root' : 'owner', kind);
            const before = box.lstat(path);
            box.is(run(path, `${path}.new`), wanted, name);
            box.unchanged(path, before, 'it');
            box.gone(`${path}.new`);
          },
        };
      }
    }
  }
  for (const kind of KINDS) {
    yield {
      name: `read-only/looking at a ${kind}`,
      needs: ['read-only', 'root'],
      by: owner,
      run: box => {
        const path = stocked(box.places.readOnly!, 'owner', kind);
        box.exists(path);
        const target = followed(kind);
        if (target === 'regular' || target === 'directory') box.ok(call.tryOpen(path, O_RDONLY), 'open');
        // What is written to a fifo or a device does not go to the file system.
        if (target === 'fifo' || target === 'char') box.ok(call.tryOpen(path, O_RDWR | O_NONBLOCK), 'open to write');
        if (target === 'directory') box.is(box.names(path), [], 'names');
      },
    };
  }
}

export const mounts = group('mounts', function* () {
  yield* across();
  yield* readOnly();
});
