/** Paths that lead nowhere: every call gives the reason, and nothing changes. */
import type { Box } from '../../support/box.ts';
import * as call from '../../support/calls.ts';
import type { Outcome } from '../../support/calls.ts';
import { byBoth, type Case, group } from '../../support/case.ts';
import { LINKS, type Kind, needsOf, PLAIN } from '../../support/kinds.ts';
import { PATH_CALLS, type PathCall } from '../../support/path-calls.ts';
import { owner } from '../../support/people.ts';

interface BadPath {
  readonly name: string;
  readonly kinds?: readonly Kind[];
  /** Makes the part of the path that exists, and returns the path. */
  readonly path: (box: Box) => string;
  /** The expected error. Undefined if the table says nothing about this call. */
  readonly error: (one: PathCall) => Outcome | undefined;
}

const NAME_MAX = 255;
const PATH_MAX = 4096;
/** How many symlinks Linux follows in one path. */
const LINKS_MAX = 40;

/** A chain of symlinks, each leading to the next, that ends at a regular file. Returns the first. */
function chain(box: Box, length: number): string {
  box.make('regular', 'end');
  for (let i = 0; i < length; i++) box.ok(call.symlink(i === 0 ? 'end' : `l${i - 1}`, box.at(`l${i}`)), 'symlink');
  return box.at(`l${length - 1}`);
}

const longName = 'n'.repeat(NAME_MAX + 1);
const always = (error: Outcome) => (): Outcome => error;

const through = (kind: Kind, error: Outcome): BadPath => ({
  name: `through a ${kind}`,
  kinds: [kind],
  path: box => `${box.make(kind)}/x`,
  error: always(error),
});
const onlyFollowing = (error: Outcome) => (one: PathCall) => (one.follows ? error : undefined);

const BAD_PATHS: readonly BadPath[] = [
  { name: 'empty', path: () => '', error: always('ENOENT') },
  { name: 'through a missing name', path: box => box.at('missing/x'), error: always('ENOENT') },
  { name: 'through a missing name and back', path: box => box.at('missing/../x'), error: always('ENOENT') },
  { name: 'nothing', path: box => box.at('missing'), error: one => (one.does === 'makes' ? undefined : 'ENOENT') },
  {
    name: 'a missing name with a slash',
    path: box => box.at('missing/'),
    error: one => (one.does === 'makes' ? undefined : 'ENOENT'),
  },
  ...PLAIN.filter(kind => kind !== 'directory').flatMap(kind => [
    through(kind, 'ENOTDIR'),
    {
      name: `through a ${kind} and back`,
      kinds: [kind],
      path: (box: Box) => `${box.make(kind)}/../x`,
      error: always('ENOTDIR'),
    },
  ]),
  ...LINKS.filter(kind => kind !== 'link to directory').map(kind =>
    through(kind, kind === 'link to nothing' ? 'ENOENT' : kind === 'link to itself' ? 'ELOOP' : 'ENOTDIR'),
  ),
  ...(['regular', 'fifo', 'socket', 'link to regular', 'link to fifo'] as const).map(kind => ({
    name: `a ${kind}, with a slash`,
    kinds: [kind],
    path: (box: Box) => `${box.make(kind)}/`,
    // The tables of the calls that make and remove have their own answers.
    error: (one: PathCall): Outcome | undefined => (one.does === 'nothing' ? 'ENOTDIR' : undefined),
  })),
  {
    name: 'a link to itself',
    path: box => box.make('link to itself'),
    // A call that creates does not follow an existing symlink.
    error: onlyFollowing('ELOOP'),
  },
  {
    name: 'a link to nothing',
    path: box => box.make('link to nothing'),
    error: one => (one.does === 'nothing' ? onlyFollowing('ENOENT')(one) : undefined),
  },
  {
    name: `${LINKS_MAX + 1} links`,
    path: box => chain(box, LINKS_MAX + 1),
    error: onlyFollowing('ELOOP'),
  },
  { name: 'a name too long', path: box => box.at(longName), error: always('ENAMETOOLONG') },
  { name: 'through a name too long', path: box => box.at(`${longName}/x`), error: always('ENAMETOOLONG') },
  {
    name: 'too long',
    path: box => `${box.dir}${'/.'.repeat(PATH_MAX)}`.slice(0, PATH_MAX - 1) + 'x',
    error: always('ENAMETOOLONG'),
  },
];

function* bad(): Iterable<Case> {
  for (const { name, kinds, path, error } of BAD_PATHS) {
    for (const one of PATH_CALLS) {
      const expected = error(one);
      if (expected === undefined) continue;
      yield {
        name: `${name}/${one.name}`,
        ...needsOf(...(kinds ?? [])),
        run: box => {
          const bad = path(box);
          one.prepare?.(box);
          const before = box.names();
          box.is(one.run(bad, box), expected, one.name);
          box.is(box.names(), before, 'names afterwards');
        },
      };
    }
  }
}

/** Different paths to the same object. */
const GOOD_PATHS: readonly { name: string; path: (dir: string, name: string, box: Box) => string }[] = [
  { name: 'dots', path: (dir, name) => `${dir}/./d/.././${name}` },
  { name: 'slashes', path: (dir, name) => `${dir}///${name}` },
  { name: 'up and down', path: (dir, name, box) => `${dir}/..${dir.slice(box.dir.length)}/${name}` },
  {
    name: 'a link to the directory',
    path: (dir, name, box) => {
      box.ok(call.symlink(dir, box.at('to-dir')), 'symlink');
      return `${box.dir}/to-dir/${name}`;
    },
  },
  {
    name: `${LINKS_MAX} links to the directory`,
    path: (dir, name, box) => {
      for (let i = 0; i < LINKS_MAX; i++) {
        box.ok(call.symlink(i === 0 ? dir : `l${i - 1}`, box.at(`l${i}`)), 'symlink');
      }
      return `${box.dir}/l${LINKS_MAX - 1}/${name}`;
    },
  },
];

function* good(): Iterable<Case> {
  for (const { name, path } of GOOD_PATHS) {
    for (const one of PATH_CALLS) {
      yield {
        name: `${name}/${one.name}`,
        run: box => {
          const dir = box.make('directory', 'dir');
          box.make('directory', 'dir/d');
          if (one.wants !== undefined) box.make(one.wants, 'dir/x');
          one.prepare?.(box);
          box.ok(one.run(path(dir, 'x', box), box), one.name);
          if (one.does === 'makes') box.exists(`${dir}/x`);
          if (one.does === 'removes') box.gone(`${dir}/x`);
        },
      };
    }
  }
}

export const paths = group('paths', function* () {
  yield* byBoth(bad(), owner);
  yield* good();
});
