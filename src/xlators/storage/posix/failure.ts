/** Failures of fops: the errors of `src/sys/failure.ts` with the attributes that a fop's failure carries. */
import { FsError } from '../../../errno.ts';
import { FopError } from '../../../graph/fops.ts';
import type { Iatt, Wcc } from '../../../graph/iatt.ts';
import { codeOf, stackless } from '../../../sys/failure.ts';

/** Returns `error` with the attributes of the object that would have been changed, from before and from now. */
export const withWcc = (error: unknown, before: Iatt | undefined, after: Iatt | undefined): unknown =>
  isBare(error) ? stackless(() => new FopError(error.code, error.message, { before, after })) : error;

/** Like {@link withWcc}, for the two directories of a rename. */
export const withBoth = (error: unknown, from: Wcc, to: Wcc): unknown =>
  isBare(error) ? stackless(() => new FopError(error.code, error.message, from, to)) : error;

/** Makes the error for the errno `number` together with its attributes in one step, for failures that are frequent. */
export const failedWith = (number: number, what: string, wcc: Wcc): FopError => {
  const code = codeOf(number);
  return stackless(() => new FopError(code, `${code}: ${what}`, wcc));
};

const isBare = (error: unknown): error is FsError => error instanceof FsError && !(error instanceof FopError);
