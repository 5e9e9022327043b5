/** utimensat(2) and futimens(2). */
import { O_NONBLOCK, O_RDONLY } from '#src/sys/constants.ts';
import type { Box } from '../../support/box.ts';
import * as call from '../../support/calls.ts';
import type { Outcome, When } from '../../support/calls.ts';
import { type Case, group } from '../../support/case.ts';
import type { ExceptionId } from '../../exceptions.ts';
import { followed, isLink, KINDS, needsOf } from '../../support/kinds.ts';
import { as, member, owner, root, self, stranger, TEAM } from '../../support/people.ts';

const NANO = 1_000_000_000n;
const SOME = 1_234_567_890n * NANO + 987_654_321n;
const OTHER = 1_000_000_000n * NANO + 1n;

interface Times {
  readonly name: string;
  readonly times: readonly [When, When] | undefined;
}
const TIMES: readonly Times[] = [
  { name: 'no times', times: undefined },
  { name: 'now, now', times: ['now', 'now'] },
  { name: 'now, omit', times: ['now', 'omit'] },
  { name: 'omit, now', times: ['omit', 'now'] },
  { name: 'omit, omit', times: ['omit', 'omit'] },
  { name: 'time, time', times: [SOME, OTHER] },
  { name: 'time, now', times: [SOME, 'now'] },
  { name: 'now, time', times: ['now', SOME] },
  { name: 'time, omit', times: [SOME, 'omit'] },
  { name: 'omit, time', times: ['omit', SOME] },
];

/** Checks that a time is as asked for. A time set to `now` must be later than the last change before. */
function check(box: Box, what: string, actual: bigint, asked: When, before: bigint, ctimeBefore: bigint): void {
  if (asked === 'omit') box.is(actual, before, what);
  else if (asked === 'now') {
    if (actual <= ctimeBefore) box.wrong(`${what}: ${actual} is not after ${ctimeBefore}`);
  } else box.is(actual, asked, what);
}

function* byPerson(): Iterable<Case> {
  for (const kind of ['regular', 'directory', 'fifo'] as const) {
    for (const { name, times } of TIMES) {
      for (const person of [root, owner, member, stranger]) {
        const owns = person === root || person === owner;
        const justNow = times === undefined || times.every(time => time === 'now');
        const nothing = times?.every(time => time === 'omit') ?? false;
        // A caller that may write to the file could set both times to "now" by writing.
        const oneNow = times?.includes('now') === true && times.includes('omit');
        const wanted: Outcome = owns || nothing ? 'OK' : !justNow ? 'EPERM' : person === member ? 'OK' : 'EACCES';
        yield {
          name: `${name}/a ${kind} by ${person.name}`,
          by: person,
          ...(oneNow && !owns ? { except: 'touch-of-one' as const } : {}),
          run: box => {
            const path = box.make(kind, 'x', { mode: 0o664, uid: owner.uid, gid: TEAM });
            if (kind === 'directory') as(self, () => box.ok(call.chmod(path, 0o775), 'chmod'));
            const before = box.lstat(path);
            box.tick();
            box.is(call.utimens(path, times), wanted, 'utimensat');
            const after = box.lstat(path);
            if (wanted !== 'OK' || nothing) return box.is(after, before, 'it');
            check(box, 'atime', after.atime, times?.[0] ?? 'now', before.atime, before.ctime);
            check(box, 'mtime', after.mtime, times?.[1] ?? 'now', before.mtime, before.ctime);
            check(box, 'ctime', after.ctime, 'now', before.ctime, before.ctime);
          },
        };
      }
    }
  }
}

function* byKind(): Iterable<Case> {
  for (const kind of KINDS) {
    const target = followed(kind);
    const wanted: Outcome = kind === 'link to itself' ? 'ELOOP' : target === undefined ? 'ENOENT' : 'OK';
    yield {
      name: `followed/a ${kind}`,
      ...needsOf(kind),
      run: box => {
        const path = box.make(kind, 'x');
        const link = isLink(kind) ? box.lstat(path) : undefined;
        box.is(call.utimens(path, [SOME, OTHER]), wanted, 'utimensat');
        if (link !== undefined) {
          box.unchanged(path, link, 'the link');
        }
        if (wanted !== 'OK') return;
        const after = box.must(call.stat(path));
        box.is([after.atime, after.mtime], [SOME, OTHER], 'times');
      },
    };
    yield {
      name: `not followed/a ${kind}`,
      ...needsOf(kind),
      run: box => {
        const path = box.make(kind, 'x');
        const behind = target !== undefined && isLink(kind) ? box.lstat(`${path}.target`) : undefined;
        box.ok(call.utimens(path, [SOME, OTHER], false), 'utimensat');
        const after = box.lstat(path);
        box.is([after.atime, after.mtime], [SOME, OTHER], 'times');
        if (behind !== undefined) box.unchanged(`${path}.target`, behind, 'what it leads to');
      },
    };
  }
  for (const kind of ['regular', 'directory', 'fifo'] as const) {
    yield {
      name: `futimens/a ${kind}`,
      run: box => {
        const path = box.make(kind, 'x');
        const fd = box.open(path, O_RDONLY | O_NONBLOCK);
        box.ok(call.futimens(fd, [SOME, OTHER]), 'futimens');
        const after = box.lstat(path);
        box.is([after.atime, after.mtime], [SOME, OTHER], 'times');
      },
    };
  }
}

const NSECS = [0n, 1n, 999_999_999n];
/** Linux cuts off the fraction of the last second that the file system can hold. */
const WHOLE = [0n];
const SECONDS: readonly { name: string; sec: bigint; nsecs: readonly bigint[]; except?: ExceptionId }[] = [
  { name: '1970', sec: 0n, nsecs: WHOLE },
  { name: 'a second after 1970', sec: 1n, nsecs: NSECS },
  { name: '2001', sec: 1_000_000_000n, nsecs: NSECS },
  { name: 'the end of 31 bits', sec: 2n ** 31n - 1n, nsecs: NSECS },
  { name: 'after 2038', sec: 2n ** 31n, nsecs: NSECS },
  { name: 'a second before the end of 32 bits', sec: 2n ** 32n - 2n, nsecs: NSECS },
  { name: 'the end of 32 bits', sec: 2n ** 32n - 1n, nsecs: WHOLE },
  { name: 'after 2106', sec: 2n ** 32n, nsecs: NSECS, except: 'times' },
  { name: '2400', sec: 13_569_465_600n, nsecs: NSECS, except: 'times' },
  { name: 'before 1970', sec: -1n, nsecs: NSECS, except: 'times' },
  { name: '1960', sec: -315_619_200n, nsecs: NSECS, except: 'times' },
  { name: '1901', sec: 1n - 2n ** 31n, nsecs: NSECS, except: 'times' },
];

function* range(): Iterable<Case> {
  for (const { name, sec, nsecs, except } of SECONDS) {
    for (const nsec of nsecs) {
      for (const kind of ['regular', 'directory', 'link to nothing'] as const) {
        yield {
          name: `${name} and ${nsec} ns/a ${kind}`,
          ...(except === undefined ? {} : { except }),
          run: box => {
            const path = box.make(kind, 'x');
            const time = sec * NANO + nsec;
            box.ok(call.utimens(path, [time, time], false), 'utimensat');
            const { atime, mtime } = box.lstat(path);
            box.is([atime, mtime], [time, time], 'times');
          },
        };
      }
    }
  }
}

export const utimens = group('utimens', function* () {
  yield* byPerson();
  yield* byKind();
  yield* range();
});
