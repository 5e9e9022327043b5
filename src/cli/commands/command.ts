import type { InferredOptionTypes, Options } from 'yargs';
import type { Parts } from '../../server/server.ts';
import type { FuseActors } from '../../xlators/mount/fuse/fuse-actor.ts';

/** What only commands that serve need, over RPC or through FUSE. */
export interface ServingParts extends Parts {
  /** Loads the actors of FUSE. */
  fuseActors(): Promise<FuseActors>;
}

/** Loads the RPC programs, which only a server needs. */
export type LoadParts = () => Promise<ServingParts>;

export type OptionsTable = Readonly<Record<string, Options>>;

/** A command of the command line. Its name is in commands.ts. */
export interface Command<O extends OptionsTable = OptionsTable> {
  readonly options: O;
  /** Command lines, each with what it does. */
  readonly examples: readonly (readonly [string, string])[];
  /**
   * Runs the command and returns the exit code. `words` are the arguments that are not options; `loadParts` is for a
   * command that serves.
   */
  run(args: InferredOptionTypes<O>, words: readonly string[], loadParts: LoadParts): Promise<number>;
}

/** Declares a command, so that the compiler derives the types of `args` from its options. */
export function command<const O extends OptionsTable>(it: Command<O>): Command<O> {
  return it;
}
