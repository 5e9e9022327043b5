/** The log file, which can be reopened while all threads write to it. */
import { closeSync, openSync } from 'node:fs';
import { duplicateOnto } from '../sys/files/duplicate.ts';
import { refuseForeignLink } from '../sys/files/own-files.ts';

/** The mode of the log file, which names paths and clients. */
const OWNER_ONLY = 0o600;

function openToAppend(path: string): number {
  refuseForeignLink(path);
  return openSync(path, 'a', OWNER_ONLY);
}

export class LogFile {
  readonly path: string;
  /** The descriptor, whose number never changes, since every thread writes to it. */
  readonly fd: number;

  private constructor(path: string, fd: number) {
    this.path = path;
    this.fd = fd;
  }

  /** @throws {Error} the file cannot be written */
  static open(path: string): LogFile {
    return new LogFile(path, openToAppend(path));
  }

  /** A file that is open already, as `fd`. */
  static of(path: string, fd: number): LogFile {
    return new LogFile(path, fd);
  }

  /** Opens the path anew, so that the file can be renamed. @throws {Error} the old file is still written to */
  reopen(): void {
    const next = openToAppend(this.path);
    try {
      duplicateOnto(next, this.fd);
    } finally {
      closeSync(next);
    }
  }
}
