/** What the answers of several children to one fop amount to. */
import type { Errno } from '../../../../errno.ts';
import { type Children, only, type Quorum } from '../children.ts';

/** The answers of children to one fop. */
export class Answers {
  /** The children that have done what was asked. */
  ok: Children = 0;
  /** The children that may have done it or not, or only a part of it. */
  unknown: Children = 0;
  /** Those of them whose disk fails. */
  broken: Children = 0;
  /** The children that have done nothing, by the error that they gave. */
  readonly errors = new Map<Errno, Children>();

  add(child: number, error: Errno | undefined): void {
    if (error === undefined) this.ok |= only(child);
    else if (isUnknown(error)) {
      this.unknown |= only(child);
      if (error === 'EIO') this.broken |= only(child);
    } else this.errors.set(error, (this.errors.get(error) ?? 0) | only(child));
  }

  /** The children that said what they have done, or that they have done nothing. */
  get known(): Children {
    let known = this.ok;
    for (const children of this.errors.values()) known |= children;
    return known;
  }

  /** What these children did before they went away, or failed at something else, does not count. */
  doubt(children: Children): void {
    this.unknown |= this.ok & children;
    this.ok &= ~children;
  }
}

/**
 * Whether an error leaves open what the child has done. A connection may have broken after the child had done it, and
 * a disk that fails may have done a part.
 */
const isUnknown = (error: Errno): boolean => error === 'ENOTCONN' || error === 'ETIMEDOUT' || error === 'EIO';

export interface Verdict {
  /** The error that the caller gets; undefined if the fop was done. */
  readonly code: Errno | undefined;
  /** The children whose answers say so. Empty if no quorum agrees. */
  readonly agreed: Children;
  /** The children that have, or may have, another state than those that agree. */
  readonly astray: Children;
}

/**
 * A fop is done if a quorum has done it, and among them a child that can be the source of a heal, which those in `noSource`
 * cannot: if all that have done it lacked something before, and the others lacked this, no child would have everything. It
 * has failed if a quorum with a source gives the same error, and then a child that has done it nevertheless is astray.
 * Otherwise it is not known.
 */
export function verdictOf(
  { ok, unknown, broken, errors, known }: Answers,
  isQuorum: Quorum,
  noSource: Children = 0,
): Verdict {
  const isEnough = (children: Children) => isQuorum(children) && (children & ~noSource) !== 0;
  if (isEnough(ok)) return { code: undefined, agreed: ok, astray: unknown | (known & ~ok) };
  for (const [code, children] of errors) {
    if (isEnough(children)) return { code, agreed: children, astray: ok | unknown };
  }
  const first = errorOfSource(errors, noSource);
  // If those that have done it are no source, a heal takes it back.
  const isSure = isQuorum(ok) || (ok === 0 && unknown === 0);
  const code = isSure && first !== undefined ? first : isQuorum(broken) ? 'EIO' : 'ENOTCONN';
  return { code, agreed: 0, astray: ok | unknown };
}

/** The error of a child that can be the source of a heal: what the others say may be due to what they lack. */
export function errorOfSource(errors: Answers['errors'], noSource: Children): Errno | undefined {
  return [...errors].find(([, children]) => (children & ~noSource) !== 0)?.[0];
}
