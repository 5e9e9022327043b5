/** Writes the pid file of a server, which other programs read in order to send signals to the server. */
import { constants } from 'node:fs';
import { type FileHandle, rm } from 'node:fs/promises';
import { isStillAt, tryLock } from '../../sys/files/file-lock.ts';
import { openOwn } from '../../sys/files/own-files.ts';
import { isProcess, startOf } from '../../sys/process/processes.ts';
import { CliError, EXIT } from '../failure.ts';

const { O_CREAT, O_RDWR } = constants;
const MODE = 0o644;
/** The longest content that is accepted as a process number. */
const BYTES_MAX = 32;
/**
 * By how much a process may seem to have started after its pid file was written, as the kernel reports start times to
 * the second only.
 */
const SLACK_MS = 2000;
const TRIES = 5;

/** A pid file that is held open and locked while the server runs, so that another start notices it. */
export class PidFile {
  readonly #path: string;
  readonly #file: FileHandle;

  private constructor(path: string, file: FileHandle) {
    this.#path = path;
    this.#file = file;
  }

  /**
   * Writes this process's number to `path`. Symlinks are not followed. A file that is not a pid file, or whose process
   * is alive, stays unchanged.
   * @throws {CliError}
   */
  static async write(path: string): Promise<PidFile> {
    try {
      for (let tries = 0; tries < TRIES; tries++) {
        const file = await tryWrite(path); // one try after the other
        if (file !== undefined) return new PidFile(path, file);
      }
      throw new Error('other processes write and remove it all the time');
    } catch (cause) {
      throw new CliError(`cannot write the pid file ${path}: ${(cause as Error).message}`, EXIT.FAILED, { cause });
    }
  }

  /** Removes the file if it still belongs to this server. */
  async remove(): Promise<void> {
    const isOwn = (await isStillAt(this.#file, this.#path)) && (await contentOf(this.#file)) === `${process.pid}`;
    if (isOwn) await rm(this.#path, { force: true }).catch(() => {});
    await this.#file.close();
  }
}

/** Tries once to write the file. Returns `undefined` if it was removed or replaced meanwhile. */
async function tryWrite(path: string): Promise<FileHandle | undefined> {
  const file = await openOwn(path, { flags: O_RDWR | O_CREAT, mode: MODE });
  let written = false;
  try {
    const text = await contentOf(file);
    if (!tryLock(file)) {
      const owner = text === '' ? 'another bricknfs' : `bricknfs, process ${text},`;
      throw new Error(`${owner} is running and uses it; choose another file with --pid-file`);
    }
    if (!(await isStillAt(file, path))) return undefined;
    refuseOthers(text, (await file.stat()).mtimeMs);
    await file.truncate();
    await file.write(`${process.pid}\n`, 0);
    written = true;
    return file;
  } finally {
    if (!written) await file.close();
  }
}

async function contentOf(file: FileHandle): Promise<string> {
  const buffer = Buffer.alloc(BYTES_MAX + 1);
  const { bytesRead } = await file.read(buffer, 0, buffer.length, 0);
  return buffer.toString('latin1', 0, bytesRead).trim();
}

/** Checks the old content. @throws {Error} `text`, last written at `writtenAt` (ms), must not be overwritten */
function refuseOthers(text: string, writtenAt: number): void {
  if (text === '') return;
  if (!/^\d{1,10}$/.test(text)) {
    throw new Error('the file contains something other than a process number; choose another file with --pid-file');
  }
  const pid = Number(text);
  if (pid === process.pid || !isProcess(pid)) return;
  // A process that started after the file was written merely reuses the number of one that has ended.
  const start = startOf(pid);
  if (start === undefined || start > writtenAt + SLACK_MS) return;
  throw new Error(
    `the file names process ${pid}, which is running; stop that process, or choose another file with --pid-file`,
  );
}
