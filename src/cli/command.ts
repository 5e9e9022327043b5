import type { InferredOptionTypes, Options } from 'yargs';
import type { Parts } from '../server/server.ts';

export type OptionsTable = Readonly<Record<string, Options>>;

/** One command of the command line. */
export interface Command<O extends OptionsTable = OptionsTable> {
  /** As yargs has it, with what is no option: `serve [dirs..]`. */
  readonly usage: string;
  readonly describe: string;
  readonly options: O;
  /** A command line, and what it does. */
  readonly examples: readonly (readonly [string, string])[];
  /** The exit code. `words` are what is no option. */
  run(args: InferredOptionTypes<O>, words: readonly string[], parts: Parts): Promise<number>;
}

/** So that `run` knows the types of its options. */
export function command<const O extends OptionsTable>(it: Command<O>): Command<O> {
  return it;
}
