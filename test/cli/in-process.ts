/**
 * Runs the command line in this process, for tables of what it refuses. A process for each case would take too long.
 */
import type { Test } from 'tap';
import { runCli } from '#src/cli/run.ts';
import type { ServingParts } from '#src/cli/commands/command.ts';

const NOTHING_IS_SERVED: ServingParts = {
  portmapPrograms: () => [],
  workerEntry: new URL(import.meta.url),
  fuseActors: () => Promise.resolve([]),
};

/** The exit code, and what the command writes to standard error. */
export async function refused(t: Test, args: readonly string[]): Promise<{ code: number; stderr: string }> {
  const written = t.capture(process.stderr, 'write', () => true);
  const code = await runCli(args, async () => NOTHING_IS_SERVED);
  const stderr = written()
    .map(({ args: [text] }) => String(text))
    .join('');
  written.restore();
  return { code, stderr };
}
