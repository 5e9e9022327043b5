import { getrusage } from '../libc.ts';

const RUSAGE_THREAD = 1;
/** ru_nvcsw of struct rusage: behind two timevals and twelve longs. */
const NVCSW = 2 * 16 + 12 * 8;

const usage = Buffer.alloc(144);

/** How often this thread has gone to sleep to wait for something; being put aside for another thread does not count. */
export function contextSwitches(): number {
  getrusage(RUSAGE_THREAD, usage);
  return usage.readUInt32LE(NVCSW);
}
