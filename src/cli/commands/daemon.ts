/** Runs the server in the background: the command starts itself again there and waits until that process serves. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { LogFile } from '../log-file.ts';
import type { LogOptions } from '../../log.ts';
import { openStateDir } from '../../server/state.ts';
import { bytesOfText } from '../../wire-text.ts';
import { ARGUMENTS, exactArguments } from '../exact-arguments.ts';
import { CliError, EXIT, reasonOf } from '../failure.ts';

/** This environment variable tells the process in the background what it is. */
const IN_BACKGROUND = 'BRICKNFS_IN_BACKGROUND';

export const inBackground = (): boolean => process.send !== undefined && process.env[IN_BACKGROUND] === '1';

/** The message that the process in the background sends to the one that started it. */
type Told = { readonly ready: string } | { readonly failure: { readonly message: string; readonly exitCode: number } };

/** What is started in the background. */
export interface InBackground {
  readonly log: LogOptions;
  readonly stateDir: string;
}

/**
 * Starts the process in the background. Returns the exit code: 0 when that serves, otherwise that of its failure. If the
 * process has something to tell about what it serves, the command prints it.
 */
export async function daemonParent(config: InBackground): Promise<number> {
  const file = await logFileOf(config);
  const output = openLog(file);
  const child = spawn(process.execPath, [...process.execArgv, ...process.argv.slice(1)], {
    detached: true,
    stdio: ['ignore', 'ignore', output, 'ipc'],
    env: { ...process.env, [IN_BACKGROUND]: '1', [ARGUMENTS]: JSON.stringify(exactArguments(process.argv.slice(2))) },
  });
  closeSync(output);
  const [told] = (await Promise.race([once(child, 'message'), once(child, 'exit')])) as [Told | number | null];
  if (typeof told === 'object' && told !== null && 'ready' in told) {
    child.disconnect();
    child.unref();
    const serving = `bricknfs is serving in the background as process ${child.pid}; its log is ${file}\n`;
    if (told.ready !== '') process.stdout.write(bytesOfText(told.ready + serving));
    return EXIT.OK;
  }
  if (typeof told === 'object' && told !== null) {
    process.stderr.write(`${told.failure.message}\n`);
    return told.failure.exitCode;
  }
  throw new CliError(
    `the server ended while it was starting (${told === null ? 'killed' : `exit code ${told}`}); see ${file}`,
  );
}

/** Sends the message from the process in the background. Does nothing in any other process. */
export function tellParent(told: Told): void {
  if (inBackground() && process.connected) process.send!(told, () => process.disconnect());
}

/** The path of the log file of a server in the background. The file is its standard error from the start. */
export async function logFileOf({ log, stateDir }: InBackground): Promise<string> {
  return log.file === undefined ? join(await openStateDir(stateDir), 'bricknfs.log') : resolve(log.file);
}

function openLog(file: string): number {
  try {
    return LogFile.open(file).fd;
  } catch (cause) {
    const message = `cannot write the log file ${file}: ${reasonOf(cause)}; choose another with --log-file`;
    throw new CliError(message, EXIT.FAILED, { cause });
  }
}
