/** chown(2), lchown(2) and fchown(2). */
import { O_NONBLOCK, O_RDONLY } from '#src/sys/constants.ts';
import * as call from '../../support/calls.ts';
import type { Outcome } from '../../support/calls.ts';
import { type Case, group } from '../../support/case.ts';
import { followed, isLink, KINDS } from '../../support/kinds.ts';
import { as, loner, member, OTHER_TEAM, owner, type Person, root, stranger, TEAM } from '../../support/people.ts';

const octal = (mode: number): string => mode.toString(8).padStart(4, '0');
const PEOPLE = [root, owner, loner, member, stranger];
const SAME = -1;

const REQUESTS: readonly { name: string; uid: number; gid: number }[] = [
  { name: 'to a stranger', uid: stranger.uid, gid: SAME },
  { name: 'to root', uid: 0, gid: SAME },
  { name: 'to the caller', uid: -2, gid: SAME },
  { name: 'to the owner as before', uid: owner.uid, gid: SAME },
  { name: 'to another group of the owner', uid: SAME, gid: OTHER_TEAM },
  { name: 'to the same group', uid: SAME, gid: TEAM },
  { name: "to the owner's first group", uid: SAME, gid: owner.gid },
  { name: "to a stranger's group", uid: SAME, gid: stranger.gid },
  { name: "to root's group", uid: SAME, gid: 0 },
  { name: 'to the owner as before and another of its groups', uid: owner.uid, gid: OTHER_TEAM },
  { name: 'to a stranger and another group', uid: stranger.uid, gid: OTHER_TEAM },
  { name: 'to large numbers', uid: 0xffff_fffe, gid: 0xffff_fff0 },
];

/**
 * The rule of Linux (POSIX: _POSIX_CHOWN_RESTRICTED): the owner may choose among its own groups, and root may do
 * anything.
 */
function allowed(person: Person, uid: number, gid: number): boolean {
  if (person.uid === 0) return true;
  if (person.uid !== owner.uid) return false;
  const uidIsSame = uid === SAME || uid === owner.uid;
  const gidIsHis = gid === SAME || gid === person.gid || gid === TEAM || person.groups.includes(gid);
  return uidIsSame && gidIsHis;
}

function* byPerson(): Iterable<Case> {
  for (const kind of ['regular', 'directory', 'link to nothing'] as const) {
    for (const person of PEOPLE) {
      for (const { name, uid: asked, gid } of REQUESTS) {
        const uid = asked === -2 ? person.uid : asked;
        const may = allowed(person, uid, gid);
        yield {
          name: `a ${kind} by ${person.name} ${name}`,
          by: person,
          run: box => {
            const path = box.make(kind, 'x', { mode: 0o640, uid: owner.uid, gid: TEAM });
            const before = box.lstat(path);
            box.is(call.lchown(path, uid, gid), may ? 'OK' : 'EPERM', 'lchown');
            const after = box.lstat(path);
            if (!may) return box.is(after, before, 'it');
            const wanted = [uid === SAME ? owner.uid : uid, gid === SAME ? TEAM : gid];
            box.is([after.uid, after.gid, octal(after.mode)], [...wanted, octal(before.mode)], 'owner, group and mode');
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
      name: `chown of a ${kind}`,
      needs: ['root'],
      run: box => {
        const path = box.make(kind, 'x');
        const link = isLink(kind) ? box.lstat(path) : undefined;
        box.is(call.chown(path, stranger.uid, TEAM), wanted, 'chown');
        if (link !== undefined) box.unchanged(path, link, 'the link');
        if (wanted !== 'OK') return;
        const after = box.must(call.stat(path));
        box.is([after.uid, after.gid], [stranger.uid, TEAM], 'owner');
      },
    };
    yield {
      name: `lchown of a ${kind}`,
      needs: ['root'],
      run: box => {
        const path = box.make(kind, 'x');
        const behind = target !== undefined && isLink(kind) ? box.lstat(`${path}.target`) : undefined;
        box.ok(call.lchown(path, stranger.uid, TEAM), 'lchown');
        const after = box.lstat(path);
        box.is([after.uid, after.gid], [stranger.uid, TEAM], 'owner');
        if (behind !== undefined) box.unchanged(`${path}.target`, behind, 'what it leads to');
      },
    };
  }
  for (const kind of ['regular', 'directory', 'fifo'] as const) {
    yield {
      name: `fchown of a ${kind}`,
      needs: ['root'],
      run: box => {
        const path = box.make(kind, 'x');
        const fd = box.open(path, O_RDONLY | O_NONBLOCK);
        box.ok(call.fchown(fd, stranger.uid, SAME), 'fchown');
        box.ok(call.fchown(fd, SAME, TEAM), 'fchown of the group');
        const after = box.lstat(path);
        box.is([after.uid, after.gid], [stranger.uid, TEAM], 'owner');
      },
    };
  }
}

/**
 * A change of owner clears the set-id bits of an executable file. Setgid without a group execute bit is kept: it once
 * meant mandatory locking.
 */
function* setIdBits(): Iterable<Case> {
  const MODES: readonly { mode: number; after: number }[] = [
    { mode: 0o4755, after: 0o755 },
    { mode: 0o2755, after: 0o755 },
    { mode: 0o6755, after: 0o755 },
    { mode: 0o6711, after: 0o711 },
    { mode: 0o4644, after: 0o644 },
    { mode: 0o1755, after: 0o1755 },
  ];
  const requests: readonly { name: string; by: Person; uid: number; gid: number }[] = [
    { name: 'by root', by: root, uid: stranger.uid, gid: SAME },
    { name: 'of the group by root', by: root, uid: SAME, gid: OTHER_TEAM },
    { name: 'of the group by the owner', by: owner, uid: SAME, gid: OTHER_TEAM },
    { name: 'to the same owner and group by the owner', by: owner, uid: owner.uid, gid: TEAM },
  ];
  for (const { name, by, uid, gid } of requests) {
    for (const { mode, after } of MODES) {
      for (const kind of ['regular', 'directory'] as const) {
        yield {
          name: `set-id bits/a ${kind} of ${octal(mode)} ${name}`,
          by,
          run: box => {
            const path = box.make(kind, 'x', { mode, uid: owner.uid, gid: TEAM });
            const before = box.lstat(path).mode;
            box.ok(call.chown(path, uid, gid), 'chown');
            box.is(octal(box.lstat(path).mode), octal(kind === 'directory' ? before : after), 'mode');
          },
        };
      }
    }
  }
}

/** New owners have their rights at once, and the old ones lose theirs. */
function* effect(): Iterable<Case> {
  for (const kind of ['regular', 'directory'] as const) {
    yield {
      name: `effect on a ${kind}`,
      needs: ['root'],
      run: box => {
        const path = box.make(kind, 'x', { mode: 0o700, uid: owner.uid, gid: TEAM });
        for (const person of [owner, stranger, member, owner]) {
          box.ok(call.chown(path, person.uid, SAME), 'chown');
          for (const other of [owner, stranger, member]) {
            box.is(
              as(other, () => call.tryOpen(path, O_RDONLY)),
              other.uid === person.uid ? 'OK' : 'EACCES',
              `${other.name}'s open`,
            );
          }
        }
      },
    };
  }
}

export const chown = group('chown', function* () {
  yield* byPerson();
  yield* byKind();
  yield* setIdBits();
  yield* effect();
});
