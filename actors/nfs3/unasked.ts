import { FsError } from '#src/errno.ts';
import { StatusError } from './status.ts';

/**
 * An actor refuses a call by its arguments or by the type of the object alone, without having asked the brick. Such an
 * object may be gone. A brick that is asked finds that out itself and fails with ESTALE.
 */
export class UnaskedError extends FsError {
  override name = 'UnaskedError';
}

/** Whether an actor threw the error itself. The brick may have been asked before a StatusError, but need not. */
export const isUnasked = (error: unknown): boolean => error instanceof UnaskedError || error instanceof StatusError;
