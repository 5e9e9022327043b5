/** No debugger can be opened in this process: through it, any local user could run code as the server. */
import { url } from 'node:inspector';
import process from 'node:process';
import { ARGUMENTS, exactArguments } from './exact-arguments.ts';
import { EXIT } from './failure.ts';

/** Without it, Node.js opens a debugger on SIGUSR1 until a handler of ours takes the signal. */
const NO_DEBUGGER_SIGNAL = '--disable-sigusr1';

/**
 * To be called first in the main thread. Starts the program anew, as the same process, if Node.js opens a debugger on
 * SIGUSR1, which then closes one that is open already. Ends the process if Node.js was told to open a debugger
 * (`--inspect`, on the command line or in NODE_OPTIONS).
 */
export function excludeDebugger(): void {
  const { execPath, execArgv, argv } = process;
  if (!execArgv.includes(NO_DEBUGGER_SIGNAL)) {
    const env = { ...process.env, [ARGUMENTS]: JSON.stringify(exactArguments(argv.slice(2))) };
    process.execve!(execPath, [execPath, NO_DEBUGGER_SIGNAL, ...execArgv, ...argv.slice(1)], env);
  }
  if (url() === undefined) return;
  process.stderr.write(
    'bricknfs: Node.js is told to open a debugger, through which others could run their code here; ' +
      'start it without --inspect, also in NODE_OPTIONS\n',
  );
  process.exit(EXIT.USAGE);
}

/** What in NODE_OPTIONS makes Node.js load other code than ours; `undefined` if nothing does. */
export function foreignCode(options = process.env['NODE_OPTIONS'] ?? ''): string | undefined {
  return /(?:^|[\s"])(?:--import|--require|-r|--(?:experimental[-_])?loader)\b/.test(options) ? options : undefined;
}
