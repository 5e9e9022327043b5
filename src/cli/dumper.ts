import type { Log } from '../log.ts';
import { type StateDump, writeDump } from '../server/control/dump.ts';

/** Answers SIGUSR1 with a state dump, one at a time: a signal that arrives meanwhile is answered by the same dump. */
export function dumper(take: () => StateDump | Promise<StateDump>, log: Log): () => void {
  let writing = false;
  const write = async () => {
    try {
      log.info({ file: await writeDump(await take()) }, 'SIGUSR1: the state dump is in this file');
    } catch (err) {
      log.error({ err }, `SIGUSR1: cannot write the state dump: ${(err as Error).message}`);
    }
    writing = false;
  };
  return () => {
    if (writing) return;
    writing = true;
    void write();
  };
}
