/** Turns the error that ends a command into one line and an exit code. */
import { VolfileError } from '../volfile/volfile-error.ts';

export const EXIT = {
  OK: 0,
  /** The command could not do its work: the port is in use, or there is no server to ask. */
  FAILED: 1,
  /** The command line or the volfile is wrong. */
  USAGE: 2,
  /** A bug of bricknfs (EX_SOFTWARE, sysexits(3)). */
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

/** An error in the command line. */
export function usageError(message: string): CliError {
  return new CliError(message, EXIT.USAGE);
}

interface SystemError extends Error {
  readonly code?: string;
  readonly syscall?: string;
  readonly address?: string;
  readonly port?: number;
  readonly hostname?: string;
  /** Whether the built-in portmapper could not listen. */
  readonly isPortmapper?: boolean;
}

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'it does not exist',
  EACCES: 'permission denied',
  EPERM: 'operation not permitted',
  ENOTDIR: 'a part of its path is not a directory',
  EISDIR: 'it is a directory',
  EROFS: 'the file system is read-only',
  ENOSPC: 'the file system is full',
  EDQUOT: 'the quota is used up',
  ELOOP: 'its path contains a symbolic link that is not allowed, or too many of them',
  ENAMETOOLONG: 'its path is too long',
  EMFILE: 'this process has too many open files',
};

/** Tells why a system call on a path failed, without the path, which the caller's message names already. */
export function reasonOf(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  const reason = code === undefined ? undefined : REASONS[code];
  return reason === undefined ? message : `${reason} (${code})`;
}

/** The line and the exit code for an error. */
export function failureOf(error: unknown): { message: string; exitCode: number } {
  if (error instanceof VolfileError) return { message: error.message, exitCode: EXIT.USAGE };
  if (error instanceof CliError) return { message: `bricknfs: ${error.message}`, exitCode: error.exitCode };
  if (!(error instanceof Error)) return { message: `bricknfs: ${String(error)}`, exitCode: EXIT.FAILED };
  return { message: `bricknfs: ${listenFailure(error) ?? error.message.split('\n')[0]!}`, exitCode: EXIT.FAILED };
}

/** Tells why the server cannot listen and what to do; `undefined` if the error is about something else. */
function listenFailure({ code, syscall, address, port, hostname, isPortmapper }: SystemError): string | undefined {
  if (syscall === 'getaddrinfo') return `cannot find the address of host ${hostname} (${code}); choose one with --host`;
  if (syscall !== 'listen' && syscall !== 'bind') return undefined;
  const tried = `cannot listen on ${port === undefined ? '' : `port ${port} of `}${address}`;
  const option = isPortmapper ? '--portmapper=PORT' : '--port PORT';
  if (code === 'EADDRINUSE') {
    return `${tried}: another program uses it; stop that program, or choose another port with ${option}`;
  }
  if (code === 'EACCES') return `${tried}: ports below 1024 are reserved for root; choose another with ${option}`;
  if (code === 'EADDRNOTAVAIL') {
    return `${tried}: this machine does not have that address; choose one with --host (0.0.0.0 or :: for all)`;
  }
  return undefined;
}
