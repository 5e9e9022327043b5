/**
 * The times that each call changes on the object, its directory and everything else it touches: `c` stands for ctime,
 * `m` for mtime. A call that fails changes no time.
 */
import { constants } from 'node:fs';
import { O_CREAT, O_EXCL, O_RDONLY, O_RDWR, O_WRONLY, S_IFIFO } from '#src/sys/constants.ts';
import type { ExceptionId } from '../../exceptions.ts';
import type { Box } from '../../support/box.ts';
import * as call from '../../support/calls.ts';
import type { Outcome } from '../../support/calls.ts';
import { byBoth, type Case, group } from '../../support/case.ts';
import { owner } from '../../support/people.ts';

type Marks = '' | 'c' | 'm' | 'mc';

interface Timed {
  readonly name: string;
  readonly prepare?: (box: Box) => void;
  readonly run: (box: Box) => Outcome | number;
  /** The expected outcome: OK or any number of bytes by default. */
  readonly outcome?: Outcome;
  readonly except?: ExceptionId;
  /** The times that change, by name after the call. `.` is the directory. The times of other names must not change. */
  readonly marks: Readonly<Record<string, Marks>>;
}

const { O_APPEND, O_TRUNC } = constants;
const f = (box: Box): string => box.at('f');
const file = (box: Box): void => {
  box.write(f(box), 'text');
};
const fileAndMore = (box: Box): void => {
  file(box);
  for (const name of ['d', 'e']) box.make('directory', name);
  box.make('link to nothing', 'l');
};
/** Opens the file, runs `work` on its descriptor, and closes it. */
const withFd = (flags: number, work: (fd: number, box: Box) => Outcome | number) => (box: Box) => {
  const fd = box.open(f(box), flags);
  const answer = work(fd, box);
  box.close(fd);
  return answer;
};

const SUCCEEDING: readonly Timed[] = [
  {
    name: 'open O_CREAT of a new file',
    run: box => call.tryOpen(box.at('n'), O_CREAT | O_EXCL | O_WRONLY),
    marks: { '.': 'mc', n: 'mc' },
  },
  { name: 'mkdir', run: box => call.mkdir(box.at('n')), marks: { '.': 'mc', n: 'mc' } },
  { name: 'mkfifo', run: box => call.mknod(box.at('n'), S_IFIFO | 0o600), marks: { '.': 'mc', n: 'mc' } },
  { name: 'symlink', run: box => call.symlink('nothing', box.at('n')), marks: { '.': 'mc', n: 'mc' } },
  { name: 'link', prepare: file, run: box => call.link(f(box), box.at('n')), marks: { '.': 'mc', f: 'c', n: 'c' } },
  { name: 'unlink', prepare: file, run: box => call.unlink(f(box)), marks: { '.': 'mc' } },
  {
    name: 'unlink of one of two names',
    prepare: box => {
      file(box);
      box.ok(call.link(f(box), box.at('g')), 'link');
    },
    run: box => call.unlink(f(box)),
    marks: { '.': 'mc', g: 'c' },
  },
  { name: 'rmdir', prepare: fileAndMore, run: box => call.rmdir(box.at('d')), marks: { '.': 'mc' } },
  { name: 'rename', prepare: file, run: box => call.rename(f(box), box.at('n')), marks: { '.': 'mc', n: 'c' } },
  {
    name: 'rename into another directory',
    prepare: fileAndMore,
    run: box => call.rename(f(box), box.at('d/n')),
    marks: { '.': 'mc', d: 'mc', 'd/n': 'c' },
  },
  {
    name: 'rename of a directory into another',
    prepare: fileAndMore,
    run: box => call.rename(box.at('e'), box.at('d/n')),
    marks: { '.': 'mc', d: 'mc', 'd/n': 'c' },
  },
  {
    name: 'rename over one of two names',
    except: 'replaced-object',
    prepare: box => {
      fileAndMore(box);
      box.make('regular', 'g');
      box.ok(call.link(box.at('g'), box.at('h')), 'link');
    },
    run: box => call.rename(f(box), box.at('g')),
    marks: { '.': 'mc', g: 'c', h: 'c' },
  },
  { name: 'rename onto itself', prepare: file, run: box => call.rename(f(box), f(box)), marks: {} },
  { name: 'chmod', prepare: file, run: box => call.chmod(f(box), 0o600), marks: { f: 'c' } },
  { name: 'chmod to the same mode', prepare: file, run: box => call.chmod(f(box), 0o644), marks: { f: 'c' } },
  { name: 'chmod of a directory', prepare: fileAndMore, run: box => call.chmod(box.at('d'), 0o700), marks: { d: 'c' } },
  {
    name: 'chown to the same owner',
    prepare: file,
    run: box => call.chown(f(box), box.by.uid, box.by.gid),
    marks: { f: 'c' },
  },
  {
    name: 'lchown of a symlink',
    prepare: fileAndMore,
    run: box => call.lchown(box.at('l'), box.by.uid, -1),
    marks: { l: 'c' },
  },
  { name: 'truncate to less', prepare: file, run: box => call.truncate(f(box), 1), marks: { f: 'mc' } },
  { name: 'truncate to more', prepare: file, run: box => call.truncate(f(box), 100), marks: { f: 'mc' } },
  { name: 'ftruncate to less', prepare: file, run: withFd(O_RDWR, fd => call.ftruncate(fd, 0)), marks: { f: 'mc' } },
  { name: 'open O_TRUNC', prepare: file, run: box => call.tryOpen(f(box), O_WRONLY | O_TRUNC), marks: { f: 'mc' } },
  {
    name: 'creat of an existing file',
    prepare: file,
    run: box => call.close(box.must(call.creat(f(box)))),
    marks: { f: 'mc' },
  },
  { name: 'write', prepare: file, run: withFd(O_WRONLY, fd => call.write(fd, 'new')), marks: { f: 'mc' } },
  {
    name: 'write at the end',
    prepare: file,
    run: withFd(O_WRONLY | O_APPEND, fd => call.write(fd, 'new')),
    marks: { f: 'mc' },
  },
  {
    name: 'pwrite after the end',
    prepare: file,
    run: withFd(O_WRONLY, fd => call.pwrite(fd, 'new', 9999)),
    marks: { f: 'mc' },
  },
  { name: 'write of no bytes', prepare: file, run: withFd(O_WRONLY, fd => call.write(fd, '')), marks: {} },
  { name: 'open and close', prepare: file, run: box => call.tryOpen(f(box), O_RDWR), marks: {} },
  {
    name: 'open O_CREAT of an existing file',
    prepare: file,
    run: box => call.tryOpen(f(box), O_RDWR | O_CREAT),
    marks: {},
  },
  { name: 'read', prepare: file, run: withFd(O_RDONLY, (fd, box) => box.must(call.read(fd, 4)).length), marks: {} },
  { name: 'readdir', prepare: fileAndMore, run: box => box.names().length, marks: {} },
  { name: 'readlink', prepare: fileAndMore, run: box => (box.must(call.readlink(box.at('l'))), 'OK'), marks: {} },
  { name: 'access', prepare: file, run: box => call.access(f(box), 4), marks: {} },
  { name: 'utimens omit, omit', prepare: file, run: box => call.utimens(f(box), ['omit', 'omit']), marks: {} },
  { name: 'utimens now', prepare: file, run: box => call.utimens(f(box)), marks: { f: 'mc' } },
  { name: 'utimens of the atime', prepare: file, run: box => call.utimens(f(box), ['now', 'omit']), marks: { f: 'c' } },
  {
    name: 'utimens now of a symlink',
    prepare: fileAndMore,
    run: box => call.utimens(box.at('l'), undefined, false),
    marks: { l: 'mc' },
  },
  {
    name: 'write into a subdirectory',
    prepare: fileAndMore,
    run: box => (box.write(box.at('d/n'), 'x'), 'OK'),
    marks: { d: 'mc', 'd/n': 'mc' },
  },
];

const failing = (name: string, outcome: Outcome, run: Timed['run'], prepare = fileAndMore): Timed => ({
  name: `${name} that fails`,
  outcome,
  run,
  prepare: box => {
    prepare(box);
    box.make('regular', 'd/x');
  },
  marks: {},
});

const FAILING: readonly Timed[] = [
  failing('open O_EXCL', 'EEXIST', box => call.tryOpen(f(box), O_CREAT | O_EXCL | O_WRONLY)),
  failing('mkdir', 'EEXIST', box => call.mkdir(box.at('d'))),
  failing('mkfifo', 'EEXIST', box => call.mknod(f(box), S_IFIFO | 0o600)),
  failing('symlink', 'EEXIST', box => call.symlink('nothing', f(box))),
  failing('link', 'EEXIST', box => call.link(f(box), box.at('l'))),
  failing('link of a directory', 'EPERM', box => call.link(box.at('d'), box.at('n'))),
  failing('unlink', 'EISDIR', box => call.unlink(box.at('d'))),
  failing('unlink of a name that is not there', 'ENOENT', box => call.unlink(box.at('n'))),
  failing('rmdir', 'ENOTEMPTY', box => call.rmdir(box.at('d'))),
  failing('rmdir of a file', 'ENOTDIR', box => call.rmdir(f(box))),
  failing('rename onto a directory', 'EISDIR', box => call.rename(f(box), box.at('d'))),
  failing('rename onto a full directory', 'ENOTEMPTY', box => call.rename(box.at('e'), box.at('d'))),
  failing('rename into itself', 'EINVAL', box => call.rename(box.at('d'), box.at('d/n'))),
  failing('rename of a name that is not there', 'ENOENT', box => call.rename(box.at('n'), f(box))),
  failing('truncate of a directory', 'EISDIR', box => call.truncate(box.at('d'), 0)),
  failing('truncate to a negative size', 'EINVAL', box => call.truncate(f(box), -1)),
  failing('open of a directory to write', 'EISDIR', box => call.tryOpen(box.at('d'), O_WRONLY)),
];

/** Calls that fail because the caller lacks the rights. */
const FORBIDDEN: readonly Timed[] = [
  failing('creat in a forbidden directory', 'EACCES', box => call.tryOpen(box.at('d/n'), O_CREAT | O_WRONLY)),
  failing('mkdir in a forbidden directory', 'EACCES', box => call.mkdir(box.at('d/n'))),
  failing('symlink in a forbidden directory', 'EACCES', box => call.symlink('x', box.at('d/n'))),
  failing('link into a forbidden directory', 'EACCES', box => call.link(f(box), box.at('d/n'))),
  failing('unlink in a forbidden directory', 'EACCES', box => call.unlink(box.at('d/x'))),
  failing('rename into a forbidden directory', 'EACCES', box => call.rename(f(box), box.at('d/n'))),
  failing('rename out of a forbidden directory', 'EACCES', box => call.rename(box.at('d/x'), box.at('n'))),
  failing('truncate of a forbidden file', 'EACCES', box => call.truncate(f(box), 0)),
  failing('open O_TRUNC of a forbidden file', 'EACCES', box => call.tryOpen(f(box), O_WRONLY | O_TRUNC)),
  failing('chown', 'EPERM', box => call.chown(f(box), 0, 0)),
].map(timed => ({
  ...timed,
  prepare: (box: Box) => {
    timed.prepare!(box);
    box.ok(call.chmod(box.at('d'), 0o555), 'chmod');
    box.ok(call.chmod(f(box), 0o444), 'chmod');
  },
}));

/** The times of everything in and below the case's directory, except for the targets of symlinks. */
function times(box: Box): Map<string, { m: bigint; c: bigint }> {
  const found = new Map<string, { m: bigint; c: bigint }>();
  const note = (name: string): boolean => {
    const { mtime, ctime, type } = box.lstat(name === '.' ? box.dir : box.at(name));
    found.set(name, { m: mtime, c: ctime });
    return type === constants.S_IFDIR;
  };
  note('.');
  for (const name of box.names()) {
    if (!note(name)) continue;
    for (const child of box.names(box.at(name))) note(`${name}/${child}`);
  }
  return found;
}

function marksOf(
  name: string,
  before: Map<string, { m: bigint; c: bigint }>,
  now: { m: bigint; c: bigint },
  source?: string,
): Marks {
  // An object with a new name is compared with its times under the old name, and a new object with those of the
  // directory before.
  const then = before.get(name) ?? before.get(source ?? '') ?? before.get('.')!;
  return `${now.m > then.m ? 'm' : ''}${now.c > then.c ? 'c' : ''}` as Marks;
}

const SOURCES: Record<string, string> = {
  link: 'f',
  rename: 'f',
  'rename into another directory': 'f',
  'rename of a directory into another': 'e',
};

function* timed(table: readonly Timed[]): Iterable<Case> {
  for (const { name, prepare, run, outcome, marks, except } of table) {
    yield {
      name,
      ...(except && { except }),
      run: box => {
        prepare?.(box);
        const before = times(box);
        box.tick();
        const answer = run(box);
        if (outcome !== undefined) box.is(answer, outcome, name);
        else if (answer !== 'OK' && typeof answer !== 'number') box.wrong(`${name}: ${answer}`);
        for (const [path, now] of times(box)) {
          box.is(marksOf(path, before, now, SOURCES[name]) || 'nothing', marks[path] || 'nothing', `marked on ${path}`);
        }
        for (const path of Object.keys(marks)) box.exists(path === '.' ? box.dir : box.at(path));
      },
    };
  }
}

export const marks = group('times', function* () {
  yield* byBoth(timed(SUCCEEDING), owner);
  yield* byBoth(timed(FAILING), owner);
  for (const one of timed(FORBIDDEN)) yield { ...one, by: owner };
});
