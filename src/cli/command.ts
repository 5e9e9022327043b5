import type { InferredOptionTypes, Options } from 'yargs';
import type { Parts } from '../server/server.ts';

/** Loads the programs, which only a server needs. */
export type LoadParts = () => Promise<Parts>;

export type OptionsTable = Readonly<Record<string, Options>>;

/** One command of the command line; its name is in commands.ts. */
export interface Command<O extends OptionsTable = OptionsTable> {
  readonly options: O;
  /** A command line, and what it does. */
  readonly examples: readonly (readonly [string, string])[];
  /** The exit code. `words` are what is no option; `loadParts` is for a command that serves. */
  run(args: InferredOptionTypes<O>, words: readonly string[], loadParts: LoadParts): Promise<number>;
}

/** So that `run` knows the types of its options. */
export function command<const O extends OptionsTable>(it: Command<O>): Command<O> {
  return it;
}
