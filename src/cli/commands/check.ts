import { printPlan } from '../../graph/plan.ts';
import { masked } from '../../volfile/print.ts';
import { exportReport } from '../../server/control/report.ts';
import { bytesOfText } from '../../wire-text.ts';
import { command } from './command.ts';
import { exportTable } from './exports.ts';
import { CliError, EXIT, usageError } from '../failure.ts';
import { namesVolfile, planVolfile, VOLFILE_OPTIONS } from '../volfile-argument.ts';

export const check = command({
  options: {
    ...VOLFILE_OPTIONS,
    strict: {
      type: 'boolean',
      default: false,
      describe: 'exit with code 2 on any warning, such as an ignored option',
    },
    json: { type: 'boolean', default: false, describe: 'print JSON' },
  },
  examples: [
    [
      'bricknfs check -f bricknfs.vol',
      'exits with 0 if it can be served; otherwise prints file:line and what was expected, and exits with 2',
    ],
    ['bricknfs check --strict -f bricknfs.vol', 'also exits with 2 if something in it has no effect'],
    ['bricknfs check -f bricknfs.vol --xlator-option nfs.nfs.port=3049', 'checks it with another value of an option'],
    ['bricknfs check -s gnode --volfile-id data', 'shows the graph of a GlusterFS volume, without its password'],
  ],

  async run(args) {
    if (!namesVolfile(args)) throw usageError('expected -f VOLFILE, or -s HOST and --volfile-id VOLUME');
    const { plan, exports } = await planVolfile(args);
    const reports = exports.map(exportReport);
    if (args.json) {
      const volumes = masked(plan.volumes.map(({ stanza }) => stanza)).map(stanza => ({
        name: stanza.name,
        type: stanza.type,
        options: Object.fromEntries([...stanza.options].map(([key, { value }]) => [key, value])),
        subvolumes: stanza.subvolumes.map(({ name }) => name),
      }));
      process.stdout.write(
        `${JSON.stringify({ volumes, exports: reports, warnings: plan.warnings, note: plan.note }, undefined, 2)}\n`,
      );
      return args.strict ? strictExitCode(plan.warnings) : EXIT.OK;
    }
    process.stdout.write(bytesOfText(`${printPlan(plan)}\n${exportTable(reports)}`));
    for (const line of [...plan.warnings, ...(plan.note === undefined ? [] : [plan.note])])
      process.stderr.write(`${line}\n`);
    return args.strict ? strictExitCode(plan.warnings) : EXIT.OK;
  },
});

/**
 * Returns the exit code under --strict.
 * @throws {CliError} there are warnings
 */
function strictExitCode({ length }: readonly string[]): number {
  if (length === 0) return EXIT.OK;
  throw new CliError(`expected no warnings (--strict), found ${length}`, EXIT.USAGE);
}
