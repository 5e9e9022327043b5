/** Waits for GlusterFS's rebalance daemon. */
import { setTimeout as sleep } from 'node:timers/promises';
import { gluster } from './bed.ts';

/** How long a run of the rebalance daemon may take. */
const DAEMON_MAX_MS = 120_000;

/** Waits until a run of the rebalance daemon is over. */
export async function completed(command: string): Promise<void> {
  for (const until = Date.now() + DAEMON_MAX_MS; ;) {
    // glusterd asks the daemon, and fails if the daemon ends before it has answered.
    const status = await gluster(command).catch((error: Error) => {
      if (!error.message.includes("brick op 'Rebalance' failed")) throw error;
      return '';
    });
    if (/ failed /.test(status) || Date.now() > until) throw new Error(`${command}: ${status}`);
    if (/completed/.test(status) && !/in progress/.test(status)) return;
    await sleep(300);
  }
}
