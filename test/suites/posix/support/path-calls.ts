/** Every call that takes a path, in a form that takes nothing else, for tables of calls × paths. */
import { O_CREAT, O_EXCL, O_RDONLY, O_WRONLY, S_IFIFO, S_IFSOCK } from '#src/sys/constants.ts';
import type { Box } from './box.ts';
import * as call from './calls.ts';
import type { Outcome } from './calls.ts';

export interface PathCall {
  readonly name: string;
  /**
   * What the call does to the directory of the name, which the caller must be able to write to unless it is `nothing`.
   */
  readonly does: 'nothing' | 'makes' | 'removes';
  /** The kind of object that the name must lead to. Undefined if the name must not exist. */
  readonly wants?: 'regular' | 'directory' | 'link to regular';
  /** Whether the call follows a symlink at the end of the path. */
  readonly follows: boolean;
  /** Prepares what the call needs besides the path. */
  readonly prepare?: (box: Box) => void;
  readonly run: (path: string, box: Box) => Outcome;
}

const SOURCE = 'its source';
const FREE = 'its target';
const source = (box: Box): void => void box.make('regular', SOURCE);
const errorOf = (answer: object | Outcome): Outcome =>
  typeof answer === 'string' ? answer : 'error' in answer ? (answer.error as Outcome) : 'OK';

const looks = (name: string, run: PathCall['run'], more: Partial<PathCall> = {}): PathCall => ({
  name,
  does: 'nothing',
  wants: 'regular',
  follows: true,
  run,
  ...more,
});
const makes = (name: string, run: PathCall['run'], more: Partial<PathCall> = {}): PathCall => ({
  name,
  does: 'makes',
  follows: false,
  run,
  ...more,
});
const removes = (name: string, run: PathCall['run'], more: Partial<PathCall> = {}): PathCall => ({
  name,
  does: 'removes',
  wants: 'regular',
  follows: false,
  run,
  ...more,
});

export const PATH_CALLS: readonly PathCall[] = [
  looks('open to read', path => call.tryOpen(path, O_RDONLY)),
  looks('open to write', path => call.tryOpen(path, O_WRONLY)),
  looks('readdir', path => errorOf(call.readdir(path)), { wants: 'directory' }),
  looks('chdir', path => back(call.chdir(path)), { wants: 'directory' }),
  looks('stat', path => errorOf(call.stat(path))),
  looks('lstat', path => errorOf(call.lstat(path)), { follows: false }),
  looks('access', path => call.access(path, 0)),
  looks('statfs', path => errorOf(call.statfs(path))),
  looks('readlink', path => errorOf(call.readlink(path)), { wants: 'link to regular', follows: false }),
  looks('truncate', path => call.truncate(path, 0)),
  looks('chmod', path => call.chmod(path, 0o600)),
  looks('chown', path => call.chown(path, -1, -1)),
  looks('lchown', path => call.lchown(path, -1, -1), { follows: false }),
  looks('utimens', path => call.utimens(path)),
  looks('utimens of a link', path => call.utimens(path, undefined, false), { follows: false }),
  looks('link from', (path, box) => call.link(path, box.at(FREE)), { follows: false }),
  makes('open to create', path => call.tryOpen(path, O_CREAT | O_WRONLY), { follows: true }),
  makes('open exclusively', path => call.tryOpen(path, O_CREAT | O_EXCL | O_WRONLY)),
  makes('mkdir', path => call.mkdir(path)),
  makes('mkfifo', path => call.mknod(path, S_IFIFO | 0o644)),
  makes('mknod', path => call.mknod(path, S_IFSOCK | 0o644)),
  makes('symlink', path => call.symlink('somewhere', path)),
  makes('link to', (path, box) => call.link(box.at(SOURCE), path), { prepare: source }),
  makes('rename to', (path, box) => call.rename(box.at(SOURCE), path), { prepare: source }),
  removes('unlink', path => call.unlink(path)),
  removes('rmdir', path => call.rmdir(path), { wants: 'directory' }),
  removes('rename from', (path, box) => call.rename(path, box.at(FREE))),
];

function back(answer: Outcome): Outcome {
  if (answer === 'OK') call.chdir('/');
  return answer;
}
