/** The volfile that a command is given: its flags, its text, and its plan. */
import { type Planned, planServer } from '../server/plan.ts';
import { VolfileFile, type VolfileSource } from '../volfile/source.ts';
import { CliError, EXIT, reasonOf } from './failure.ts';
import { textOf, textsOf } from './flag-values.ts';

/** The flags of commands that read a volfile without serving it. */
export const VOLFILE_OPTIONS = {
  volfile: { type: 'string', alias: 'f', coerce: textOf('--volfile'), describe: 'the volfile' },
  'xlator-option': {
    type: 'string',
    array: true,
    coerce: textsOf('--xlator-option'),
    describe: 'NAME.OPTION=VALUE sets an option of a volume; may be repeated',
  },
} as const;

/** @throws {CliError} the volfile cannot be read */
export async function readVolfile(source: VolfileSource): Promise<string> {
  try {
    return await source.read();
  } catch (cause) {
    throw new CliError(`cannot read the volfile ${source.name}: ${reasonOf(cause)}`, EXIT.USAGE, { cause });
  }
}

/** Checks the volfile and returns what a server would serve. @throws {VolfileError} {CliError} */
export async function planVolfile(file: string, overrides: readonly string[]): Promise<Planned> {
  return planServer({ text: await readVolfile(new VolfileFile(file)), file, overrides });
}
