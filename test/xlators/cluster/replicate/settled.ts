import { setImmediate } from 'node:timers/promises';

/** Lets the event loop turn, so that everything happens that waits for nothing outside of this process. */
export async function settled(turns: number): Promise<void> {
  for (let turn = 0; turn < turns; turn++) await setImmediate();
}
