import { type Planned, planServer } from '../server/plan.ts';
import { textsOf, textOf } from './arguments.ts';
import { readVolfile } from './commands/serve-options.ts';

/** The options of commands that read a volfile. */
export const PLAN_OPTIONS = {
  volfile: { type: 'string', alias: 'f', coerce: textOf('--volfile'), describe: 'the volfile' },
  'xlator-option': {
    type: 'string',
    array: true,
    coerce: textsOf('--xlator-option'),
    describe: 'NAME.OPTION=VALUE: an option of a volume; may be repeated',
  },
} as const;

/** @throws {VolfileError} {CliError} */
export async function planVolfile(file: string, overrides: readonly string[]): Promise<Planned> {
  return planServer({ text: readVolfile(file), file, overrides });
}
