/**
 * The people that make calls. Their ids become those of the calling thread, real ids included, which access(2) checks.
 */
import { getegid, geteuid, getgroups } from 'node:process';
import { errno } from '#src/sys/libc.ts';
import { setgroups, setresgid, setresuid } from './bindings.ts';

export interface Person {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
  readonly groups: readonly number[];
}

/** The group of the files that `member` has rights to. */
export const TEAM = 2000;
/** Another group of `owner`. */
export const OTHER_TEAM = 2001;

export const self: Person = { name: 'self', uid: geteuid!(), gid: getegid!(), groups: getgroups!() };
export const isRoot: boolean = self.uid === 0;

export const root: Person = { name: 'root', uid: 0, gid: 0, groups: [] };
export const owner: Person = { name: 'owner', uid: 1001, gid: 1001, groups: [TEAM, OTHER_TEAM] };
/** A user that owns files whose groups it is not in. */
export const loner: Person = { name: 'loner', uid: 1001, gid: 1001, groups: [] };
export const member: Person = { name: 'member', uid: 1002, gid: 1002, groups: [TEAM] };
export const stranger: Person = { name: 'stranger', uid: 1003, gid: 1003, groups: [] };

const NOBODY_CHANGES = 0xffff_ffff;
let current = self;

function become(person: Person): void {
  const groups = Buffer.alloc(person.groups.length * 4);
  person.groups.forEach((gid, index) => groups.writeUInt32LE(gid, index * 4));
  // The saved uid stays 0, so that the effective uid can return to 0 and regain the rights of root.
  const failed =
    setresuid(NOBODY_CHANGES, 0, NOBODY_CHANGES) < 0 ||
    setgroups(person.groups.length, groups) < 0 ||
    setresgid(person.gid, person.gid, 0) < 0 ||
    setresuid(person.uid, person.uid, 0) < 0;
  if (failed) throw new Error(`cannot become ${person.name} (uid ${person.uid}): errno ${errno()}`);
  current = person;
}

/** Runs `work` as that person. */
export function as<T>(person: Person, work: () => T): T {
  if (person === current) return work();
  const before = current;
  become(person);
  try {
    return work();
  } finally {
    become(before);
  }
}
