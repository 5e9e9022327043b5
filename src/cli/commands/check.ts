import { printPlan } from '../../graph/plan.ts';
import { exportReport } from '../../server/control/report.ts';
import { bytesOfText } from '../../wire-text.ts';
import { command } from './command.ts';
import { exportTable } from './exports.ts';
import { CliError, EXIT, usageError } from '../failure.ts';
import { PLAN_OPTIONS, planVolfile } from '../volfile-options.ts';

export const check = command({
  options: {
    ...PLAN_OPTIONS,
    strict: {
      type: 'boolean',
      default: false,
      describe: 'exit code 2 on any warning, such as an option that is ignored',
    },
    json: { type: 'boolean', default: false, describe: 'print JSON' },
  },
  examples: [
    ['bricknfs check -f bricknfs.vol', 'exit code 0 if it can be served, or file:line of what is wrong, and 2'],
    ['bricknfs check --strict -f bricknfs.vol', 'the same, and 2 if anything in it has no effect'],
    ['bricknfs check -f bricknfs.vol --xlator-option nfs.nfs.port=3049', 'with an option in place of the file’s'],
  ],

  async run(args) {
    if (args.volfile === undefined) throw usageError('expected -f VOLFILE');
    const { plan, exports } = await planVolfile(args.volfile, args['xlator-option'] ?? []);
    const reports = exports.map(exportReport);
    if (args.json) {
      const volumes = plan.volumes.map(({ stanza }) => ({
        name: stanza.name,
        type: stanza.type,
        options: Object.fromEntries([...stanza.options].map(([key, { value }]) => [key, value])),
        subvolumes: stanza.subvolumes.map(({ name }) => name),
      }));
      process.stdout.write(`${JSON.stringify({ volumes, exports: reports, warnings: plan.warnings }, undefined, 2)}\n`);
      return args.strict ? strictly(plan.warnings) : EXIT.OK;
    }
    process.stdout.write(bytesOfText(`${printPlan(plan)}\n${exportTable(reports)}`));
    for (const warning of plan.warnings) process.stderr.write(`${warning}\n`);
    return args.strict ? strictly(plan.warnings) : EXIT.OK;
  },
});

/** @throws {CliError} there are warnings */
function strictly({ length }: readonly string[]): number {
  if (length === 0) return EXIT.OK;
  throw new CliError(`expected no warnings (--strict), found ${length}`, EXIT.USAGE);
}
