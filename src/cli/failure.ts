/** What ends a command: one line for people, and an exit code. */
import { VolfileError } from '../volfile/volfile-error.ts';

export const EXIT = {
  OK: 0,
  /** It could not be done: a port that is taken, no server to ask. */
  FAILED: 1,
  /** The command line or the volfile is not as it must be. */
  USAGE: 2,
  /** A bug of ours (EX_SOFTWARE, sysexits(3)). */
  BUG: 70,
} as const;

export class CliError extends Error {
  override name = 'CliError';
  readonly exitCode: number;

  constructor(message: string, exitCode: number = EXIT.FAILED, options?: ErrorOptions) {
    super(message, options);
    this.exitCode = exitCode;
  }
}

/** The command line is not as it must be. */
export function usageError(message: string): CliError {
  return new CliError(message, EXIT.USAGE);
}

interface SystemError extends Error {
  readonly code?: string;
  readonly syscall?: string;
  readonly address?: string;
  readonly port?: number;
  readonly hostname?: string;
  /** Whether it was the built-in portmapper that could not listen. */
  readonly isPortmapper?: boolean;
}

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file or directory',
  EACCES: 'permission is denied',
  EPERM: 'it is not permitted',
  ENOTDIR: 'a part of its path is not a directory',
  EISDIR: 'it is a directory',
  EROFS: 'the file system is read-only',
  ENOSPC: 'the file system is full',
  EDQUOT: 'the quota is used up',
  ELOOP: 'its path has a symbolic link where none may be, or too many',
  ENAMETOOLONG: 'its path is too long',
  EMFILE: 'this process has too many open files',
};

/** Why a system call on a path has failed, without the path, which the message names already. */
export function reasonOf(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  const reason = code === undefined ? undefined : REASONS[code];
  return reason === undefined ? message : `${reason} (${code})`;
}

/** The line that an error is worth, and the exit code. */
export function failureOf(error: unknown): { message: string; exitCode: number } {
  if (error instanceof VolfileError) return { message: error.message, exitCode: EXIT.USAGE };
  if (error instanceof CliError) return { message: `bricknfs: ${error.message}`, exitCode: error.exitCode };
  if (!(error instanceof Error)) return { message: `bricknfs: ${String(error)}`, exitCode: EXIT.FAILED };
  return { message: `bricknfs: ${listenFailure(error) ?? error.message.split('\n')[0]!}`, exitCode: EXIT.FAILED };
}

/** Why it cannot listen, and what to do; `undefined` if that is not what the error says. */
function listenFailure({ code, syscall, address, port, hostname, isPortmapper }: SystemError): string | undefined {
  if (syscall === 'getaddrinfo') return `cannot find the address of host ${hostname} (${code}); choose one with --host`;
  if (syscall !== 'listen' && syscall !== 'bind') return undefined;
  const tried = `cannot listen on ${port === undefined ? '' : `port ${port} of `}${address}`;
  const option = isPortmapper ? '--portmapper=PORT' : '--port PORT';
  if (code === 'EADDRINUSE') {
    return `${tried}: another program has it; stop that one, or choose another port with ${option}`;
  }
  if (code === 'EACCES') return `${tried}: ports below 1024 are for root; choose another with ${option}`;
  if (code === 'EADDRNOTAVAIL') {
    return `${tried}: it is no address of this machine; choose one with --host (0.0.0.0 or :: for all)`;
  }
  return undefined;
}
