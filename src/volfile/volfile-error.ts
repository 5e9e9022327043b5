/** An error in a volfile, or in an argument of the command line that overrides it. */
export class VolfileError extends Error {
  override name = 'VolfileError';
  /** `file:line`, or the argument of the command line. */
  readonly where: string;

  /** Makes an error whose message is one line: where, what was expected, what was found. */
  constructor(where: string, message: string, options?: ErrorOptions) {
    super(`${where}: ${message}`, options);
    this.where = where;
  }

  /** Restores an error that was thrown in another thread and arrived here as a plain error. */
  static again(where: string, { message, cause }: Error): VolfileError {
    return new VolfileError(where, message.slice(`${where}: `.length), { cause });
  }

  static expected(where: string, expected: string, found: string): VolfileError {
    return new VolfileError(where, `expected ${expected}, found ${found}`);
  }
}

const SHOWN_MAX = 60;

/** Shows a word of a volfile in a message: quoted, on one line, cut if it is long. */
export function shown(word: string): string {
  return JSON.stringify(word.length > SHOWN_MAX ? `${word.slice(0, SHOWN_MAX)}…` : word);
}
