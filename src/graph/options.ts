/** The options of xlators: declared by each, checked in one place. */

/** One option: how it is read from text, with its default and what to say when it cannot be. */
export interface Option<T> {
  readonly default: T;
  /** What is expected, for error messages: `a whole number from 1 to 65535`. */
  readonly expected: string;
  /** What it does, for `--help` and docs. */
  readonly doc: string;
  /** `undefined` when the text is not what was expected. */
  parse(text: string): T | undefined;
}

export type OptionTable = Readonly<Record<string, Option<any>>>;
export type OptionValues<O extends OptionTable> = { readonly [K in keyof O]: O[K] extends Option<infer T> ? T : never };
