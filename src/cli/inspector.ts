/** Keeps this process free of debuggers, through which any local user could run code as the server's user. */
import { url } from 'node:inspector';
import process from 'node:process';
import { ARGUMENTS, exactArguments } from './exact-arguments.ts';
import { EXIT } from './failure.ts';

/** Without this option Node.js opens a debugger on SIGUSR1 until a handler of ours is installed. */
const NO_DEBUGGER_SIGNAL = '--disable-sigusr1';

/**
 * Must be called first in the main thread. If Node.js would open a debugger on SIGUSR1, restarts the program in the
 * same process, which also closes a debugger that is open already. Ends the process if Node.js was told to open a
 * debugger (`--inspect`, on the command line or in NODE_OPTIONS).
 */
export function excludeDebugger(): void {
  const { execPath, execArgv, argv } = process;
  if (!execArgv.includes(NO_DEBUGGER_SIGNAL)) {
    const env = { ...process.env, [ARGUMENTS]: JSON.stringify(exactArguments(argv.slice(2))) };
    process.execve!(execPath, [execPath, NO_DEBUGGER_SIGNAL, ...execArgv, ...argv.slice(1)], env);
  }
  if (url() === undefined) return;
  process.stderr.write(
    'bricknfs: Node.js is told to open a debugger, through which other users could run code in this process; ' +
      'start it without --inspect, also in NODE_OPTIONS\n',
  );
  process.exit(EXIT.USAGE);
}

/** Returns NODE_OPTIONS if it makes Node.js load code that is not part of bricknfs; `undefined` otherwise. */
export function foreignCode(options = process.env['NODE_OPTIONS'] ?? ''): string | undefined {
  return /(?:^|[\s"])(?:--import|--require|-r|--(?:experimental[-_])?loader)\b/.test(options) ? options : undefined;
}
