import { printPlan } from '../graph/plan.ts';
import { exportReport } from '../server/report.ts';
import { command } from './command.ts';
import { exportTable } from './exports.ts';
import { EXIT, usageError } from './failure.ts';
import { PLAN_OPTIONS, planVolfile } from './plan.ts';

export const check = command({
  usage: 'check',
  describe: 'Looks at a volfile without serving it: prints the effective graph, what it exports, and warnings.',
  options: { ...PLAN_OPTIONS, json: { type: 'boolean', default: false, describe: 'print JSON' } },
  examples: [
    ['bricknfs check -f bricknfs.vol', 'exit code 0 if it can be served, or file:line of what is wrong, and 2'],
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
      return EXIT.OK;
    }
    process.stdout.write(`${printPlan(plan)}\n${exportTable(reports)}`);
    for (const warning of plan.warnings) process.stderr.write(`${warning}\n`);
    return EXIT.OK;
  },
});
