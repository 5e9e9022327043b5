/** Modes that let one class of people have certain bits, and the other classes just the others. */
import { member, owner, type Person, root, stranger, TEAM } from './people.ts';

export interface ModeFor {
  readonly person: Person;
  /** What the person's class has. */
  readonly bits: number;
  readonly mode: number;
  /** Whose the object is to be. */
  readonly uid: number;
  readonly gid: number;
}

/** The sets of bits within `within` that each person can have; root is given all or nothing, which is the same for him. */
export function* modesFor(within: number): Iterable<ModeFor> {
  const classes: readonly [Person, number][] = [
    [owner, 6],
    [member, 3],
    [stranger, 0],
  ];
  for (const [person, shift] of classes) {
    for (let bits = 0; bits <= 7; bits++) {
      if ((bits & within) !== bits) continue;
      // A server that asked the wrong class would say the opposite.
      const mode = (0o777 & ~(bits * 0o111) & ~(7 << shift)) | (bits << shift);
      yield { person, bits, mode, uid: owner.uid, gid: TEAM };
    }
  }
  for (const bits of [0, 7]) yield { person: root, bits, mode: bits * 0o111, uid: owner.uid, gid: TEAM };
}
