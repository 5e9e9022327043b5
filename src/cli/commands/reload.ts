/** Reloads of the volfile: when a signal asks for one, and when glusterd has another volfile for a volume. */
import type { Log } from '../../log.ts';
import type { GlusterSource } from '../../glusterd/source.ts';
import type { Server } from '../../server/server.ts';
import type { VolfileSource } from '../../volfile/source.ts';
import { readVolfile } from '../volfile-argument.ts';
import { warningOf } from './banner.ts';

/** Reloads the volfile. If that fails, nothing has changed, and the log says why. */
export async function reload(server: Server, source: VolfileSource, log: Log): Promise<void> {
  await reloading(log, async () => {
    await server.reload(() => readVolfile(source));
    const warning = warningOf(server);
    if (warning !== undefined) log.warn(warning);
  });
}

/** glusterd often tells of one change several times, and may be busy with the next. */
const GATHER_MS = 100;

/** Reloads whenever glusterd has another volfile than the one that is served. */
export function follow(server: Server, source: GlusterSource, log: Log): void {
  let timer: NodeJS.Timeout | undefined;
  const read = () => {
    timer = undefined; // what changes from here on is read again
    return readVolfile(source);
  };
  const changed = () => {
    timer ??= setTimeout(() => {
      void reloading(log, () => server.reload(read, true));
    }, GATHER_MS).unref();
  };
  source.watch(changed, (level, message) => log[level](message));
}

async function reloading(log: Log, run: () => Promise<void>): Promise<void> {
  try {
    await run();
  } catch (error) {
    log.error({ err: error }, `the volfile was not reloaded, and nothing has changed: ${(error as Error).message}`);
  }
}
