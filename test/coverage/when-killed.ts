/**
 * Loaded into servers that a test kills while coverage is measured: a killed process does not write which lines ran.
 * Instead of killing it the test makes the file that {@link markerOf} names, and sends SIGWINCH.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { takeCoverage } from 'node:v8';
import { isMainThread } from 'node:worker_threads';

/** The directory that lines that ran are written to, if they are measured. */
export const COVERAGE = process.env['NODE_V8_COVERAGE'];

/** The file which says that the next SIGWINCH is meant for this module; tests also send it for other reasons. */
export const markerOf = (pid: number): string => join(COVERAGE!, `end-${pid}`);

if (isMainThread && COVERAGE !== undefined) {
  process.on('SIGWINCH', () => {
    if (!existsSync(markerOf(process.pid))) return;
    takeCoverage();
    process.kill(process.pid, 'SIGKILL');
  });
}
