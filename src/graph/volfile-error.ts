/** Something in a volfile (or on the command line, for what overrides it) is not as it must be. */
export class VolfileError extends Error {
  override name = 'VolfileError';
  /** `file:line`, or the argument of the command line. */
  readonly where: string;

  /** One line: where, what was expected, what there is. */
  constructor(where: string, message: string, options?: ErrorOptions) {
    super(`${where}: ${message}`, options);
    this.where = where;
  }

  /** One that has been in another thread and came back as a plain error. */
  static again(where: string, { message, cause }: Error): VolfileError {
    return new VolfileError(where, message.slice(`${where}: `.length), { cause });
  }

  static expected(where: string, expected: string, found: string): VolfileError {
    return new VolfileError(where, `expected ${expected}, found ${found}`);
  }
}

const SHOWN_MAX = 60;

/** A word of a volfile for a message: quoted, one line, not too long. */
export function shown(word: string): string {
  return JSON.stringify(word.length > SHOWN_MAX ? `${word.slice(0, SHOWN_MAX)}…` : word);
}
