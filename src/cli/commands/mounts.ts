import type { MountEntry } from '../../xlators/nfs/server/mount/mount-entry.ts';
import { command } from './command.ts';
import { ask, WHICH_OPTIONS } from '../control-client.ts';
import { EXIT } from '../failure.ts';
import { table } from '../table.ts';

export const mounts = command({
  options: WHICH_OPTIONS,
  examples: [
    ['bricknfs mounts', 'asks the only running server'],
    ['bricknfs mounts --json', 'the same, prints JSON'],
  ],

  async run(args) {
    const found = await ask<MountEntry[]>(args, 'mounts');
    if (args.json) process.stdout.write(`${JSON.stringify(found, undefined, 2)}\n`);
    else if (found.length === 0) process.stdout.write('there are no mounts\n');
    else
      process.stdout.write(
        table(
          ['CLIENT', 'PATH'],
          found.map(({ host, path }) => [host, path]),
        ),
      );
    return EXIT.OK;
  },
});
