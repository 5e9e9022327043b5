/** Why glusterd has not given what was asked for. The message is for people, and says what to do. */
export class GlusterdError extends Error {
  override name = 'GlusterdError';
  readonly code: GlusterdErrorCode;

  constructor(code: GlusterdErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

export type GlusterdErrorCode =
  /** No server answers, but one may yet. */
  | 'NO_ANSWER'
  /** None of the names of the servers exists. */
  | 'NO_HOST'
  | 'NO_VOLUME'
  /** glusterd refused, or its answer makes no sense. */
  | 'REFUSED';
