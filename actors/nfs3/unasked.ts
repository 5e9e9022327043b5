import { FsError } from '#src/errno.ts';
import { StatusError } from './status.ts';

/**
 * The error of an actor that refuses a call by its arguments or by the type of the object alone. The brick has not been
 * asked then, so the object may be gone. A brick that is asked finds that out itself and fails with ESTALE.
 */
export class UnaskedError extends FsError {
  override name = 'UnaskedError';
}

/**
 * Whether an actor refused the call itself. Some StatusErrors are thrown after the brick has answered; they count, too.
 */
export const isUnasked = (error: unknown): boolean => error instanceof UnaskedError || error instanceof StatusError;
