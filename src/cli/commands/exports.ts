import type { ExportReport } from '../../server/control/report.ts';
import { command } from './command.ts';
import { ask, WHICH_OPTIONS } from '../control-client.ts';
import { EXIT } from '../failure.ts';
import { table } from '../table.ts';

export const exports = command({
  options: WHICH_OPTIONS,
  examples: [
    ['bricknfs exports', 'asks the only running server'],
    ['bricknfs exports --port 3049 --json', 'asks the server on that port, prints JSON'],
  ],

  async run(args) {
    const found = await ask<ExportReport[]>(args, 'exports');
    process.stdout.write(args.json ? `${JSON.stringify(found, undefined, 2)}\n` : exportTable(found));
    return EXIT.OK;
  },
});

export function exportTable(exports: readonly ExportReport[]): string {
  if (exports.length === 0) return 'nothing is exported\n';
  const rows = exports.map(one => [
    one.paths.join(' '),
    one.up === false ? `${one.access}, down` : one.access,
    one.squash === 'none' ? 'none' : `${one.squash} to ${one.anonUid}:${one.anonGid}`,
    one.allow.join() || 'none',
    one.reject.join() || '-',
    one.insecurePorts ? 'any' : 'below 1024',
    one.auth.join(),
  ]);
  return table(['PATHS', 'ACCESS', 'SQUASH', 'ALLOWED', 'REJECTED', 'PORTS', 'AUTH'], rows);
}
