/** What a case of the suite is. Each group makes its cases from tables. */
import type { ExceptionId } from '../exceptions.ts';
import type { Box } from './box.ts';
import type { Person } from './people.ts';

/** What a case needs besides its directory. main.ts says where each comes from. */
export type Need = 'root' | 'other' | 'read-only' | 'small' | 'quota';

export interface Case {
  /** The id below that of the group: words with slashes between them. */
  readonly name: string;
  readonly needs?: readonly Need[];
  /** The person that acts, in a directory of its own. The default is the suite's own user. Other persons need root. */
  readonly by?: Person;
  /** The exception by which the case may fail over NFSv3. See exceptions.ts. */
  readonly except?: ExceptionId;
  readonly run: (box: Box) => void;
}

export interface Group {
  readonly name: string;
  readonly cases: () => Iterable<Case>;
}

export const group = (name: string, cases: () => Iterable<Case>): Group => ({ name, cases });

/** Yields each case twice: for the suite's own user, and for a plain one. */
export function* byBoth(cases: Iterable<Case>, plain: Person): Iterable<Case> {
  for (const one of cases) {
    yield one;
    yield { ...one, name: `${one.name}/by ${plain.name}`, by: plain };
  }
}
