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
 * A fop is done if a quorum has done it, and among them a child that is not `accused`: if all of these lacked something
 * before, and the others lacked this, no child could be the source of a heal. It has failed if a quorum gives the same error, and then a child that has done it
 * nevertheless is astray. Otherwise it is not known.
 */
export function verdictOf({ ok, unknown, broken, errors }: Answers, isQuorum: Quorum, accused: Children = 0): Verdict {
  const failed = [...errors.values()].reduce((all, children) => all | children, 0);
  if (isQuorum(ok) && (ok & ~accused) !== 0) return { code: undefined, agreed: ok, astray: unknown | failed };
  for (const [code, children] of errors) {
    if (isQuorum(children)) return { code, agreed: children, astray: ok | unknown };
  }
  const [first] = errors.keys();
  const nothingDone = ok === 0 && unknown === 0;
  const code = nothingDone && first !== undefined ? first : isQuorum(broken) ? 'EIO' : 'ENOTCONN';
  return { code, agreed: 0, astray: ok | unknown };
}
