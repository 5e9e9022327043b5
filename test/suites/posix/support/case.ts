/** What a test of the suite is. Groups make theirs from tables. */
import type { ExceptionId } from '../exceptions.ts';
import type { Box } from './box.ts';
import type { Person } from './people.ts';

/** What a case cannot do without: see main.ts for where it comes from. */
export type Need = 'root' | 'other' | 'read-only' | 'small' | 'quota';

export interface Case {
  /** Below its group's: words with slashes between them. */
  readonly name: string;
  readonly needs?: readonly Need[];
  /** Who does it, in a directory of his own; the suite's own user if not said. Another person needs root. */
  readonly by?: Person;
  /** What NFSv3 cannot give: see exceptions.ts. */
  readonly except?: ExceptionId;
  readonly run: (box: Box) => void;
}

export interface Group {
  readonly name: string;
  readonly cases: () => Iterable<Case>;
}

export const group = (name: string, cases: () => Iterable<Case>): Group => ({ name, cases });

/** Each case once by the suite's own user, and once by a plain one. */
export function* byBoth(cases: Iterable<Case>, plain: Person): Iterable<Case> {
  for (const one of cases) {
    yield one;
    yield { ...one, name: `${one.name}/by ${plain.name}`, by: plain };
  }
}
