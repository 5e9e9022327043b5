/** Modes that give one class of people certain bits, and the other classes exactly the others. */
import { member, owner, type Person, root, stranger, TEAM } from './people.ts';

export interface ModeFor {
  readonly person: Person;
  /** The bits of the person's class. */
  readonly bits: number;
  readonly mode: number;
  /** The owner that the object is to have. */
  readonly uid: number;
  readonly gid: number;
}

/** Every set of bits within `within` for each person. Root gets all or none, which makes no difference to root. */
export function* modesFor(within: number): Iterable<ModeFor> {
  const classes: readonly [Person, number][] = [
    [owner, 6],
    [member, 3],
    [stranger, 0],
  ];
  for (const [person, shift] of classes) {
    for (let bits = 0; bits <= 7; bits++) {
      if ((bits & within) !== bits) continue;
      // The other classes get the opposite bits, so that a server that checks the wrong class gives the opposite
      // answer.
      const mode = (0o777 & ~(bits * 0o111) & ~(7 << shift)) | (bits << shift);
      yield { person, bits, mode, uid: owner.uid, gid: TEAM };
    }
  }
  for (const bits of [0, 7]) yield { person: root, bits, mode: bits * 0o111, uid: owner.uid, gid: TEAM };
}
