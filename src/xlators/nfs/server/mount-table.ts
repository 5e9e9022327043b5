/**
 * Who has mounted what, by the clients' own word (RFC 1813, 5.2.2: "for information only"): nothing depends on it but
 * showmount. Kept in the rmtab file, so that a restart does not forget it.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { MOUNTS_MAX } from '#protocols/mount.ts';
import type { Log } from '../../../log.ts';
import { readOwn, removeTemporaries, replaceOwn } from '../../../sys/own-files.ts';
import { formatRmtab, parseRmtab } from './rmtab.ts';

export interface MountEntry {
  /** The client's address. */
  readonly host: string;
  /** Absolute, latin1. */
  readonly path: string;
}

/** As seen from any stage; the one table of all is the main thread's. */
export interface MountTable {
  add(host: string, path: string): void;
  remove(host: string, path: string): void;
  removeHost(host: string): void;
  list(): Promise<readonly MountEntry[]>;
}

export interface MountListOptions {
  readonly log: Log;
  /** The rmtab file; `/-` for none, as gNFS has it (nfs.mount-rmtab). */
  readonly rmtab: string;
  /** Beyond this the oldest is dropped. */
  readonly entriesMax?: number;
  /** How long changes gather before they are written. */
  readonly writeDelayMs?: number;
}

const NO_FILE = '/-';
const RMTAB_MODE = 0o644;
const WRITE_DELAY_MS = 500;
/** A file of as many entries as there may be, each of a usual length many times over. */
const RMTAB_BYTES_MAX = 64 * 1024 * 1024;

export class MountList implements MountTable, AsyncDisposable {
  readonly #log: Log;
  readonly #file: string | undefined;
  readonly #entriesMax: number;
  readonly #writeDelayMs: number;
  /** In the order of their mounting, by `host path`; hosts have no space in them. */
  readonly #entries = new Map<string, MountEntry>();
  /** Their keys by host: UMNTALL must not look through all. */
  readonly #ofHost = new Map<string, Set<string>>();
  readonly #stop = new AbortController();
  #dirty = false;
  #writing: Promise<void> | undefined;
  #warnedFull = false;
  #warnedWrite = false;

  /** Reads the file, if there is one; what cannot be read is warned of. */
  static async open(options: MountListOptions): Promise<MountList> {
    const mounts = new MountList(options);
    await mounts.#load();
    return mounts;
  }

  /** Use {@link open}. */
  constructor({ log, rmtab, entriesMax = MOUNTS_MAX, writeDelayMs = WRITE_DELAY_MS }: MountListOptions) {
    this.#log = log;
    this.#file = rmtab === NO_FILE || rmtab === '' ? undefined : rmtab;
    this.#entriesMax = entriesMax;
    this.#writeDelayMs = writeDelayMs;
  }

  get size(): number {
    return this.#entries.size;
  }

  add(host: string, path: string): void {
    this.#put({ host, path });
    this.#changed();
  }

  remove(host: string, path: string): void {
    if (this.#drop(keyOf(host, path))) this.#changed();
  }

  removeHost(host: string): void {
    const keys = this.#ofHost.get(host);
    if (!keys) return;
    for (const key of keys) this.#entries.delete(key);
    this.#ofHost.delete(host);
    this.#changed();
  }

  async list(): Promise<readonly MountEntry[]> {
    return [...this.#entries.values()];
  }

  /** All changes so far are in the file (or have been warned of). */
  async flush(): Promise<void> {
    while (this.#writing) await this.#writing;
  }

  /** Writes what is to be written. Safe to call twice. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.flush();
  }

  #put(entry: MountEntry): void {
    const key = keyOf(entry.host, entry.path);
    this.#drop(key); // so that it is the youngest again
    this.#entries.set(key, entry);
    const keys = this.#ofHost.get(entry.host);
    if (keys) keys.add(key);
    else this.#ofHost.set(entry.host, new Set([key]));
    if (this.#entries.size <= this.#entriesMax) return;
    const [oldest] = this.#entries.keys();
    this.#drop(oldest!);
    if (this.#warnedFull) return;
    this.#warnedFull = true;
    this.#log.warn({ entriesMax: this.#entriesMax }, 'the mount table is full: the oldest entries are dropped');
  }

  #drop(key: string): boolean {
    const entry = this.#entries.get(key);
    if (!entry) return false;
    this.#entries.delete(key);
    const keys = this.#ofHost.get(entry.host)!;
    keys.delete(key);
    if (keys.size === 0) this.#ofHost.delete(entry.host);
    return true;
  }

  #changed(): void {
    if (this.#file === undefined) return;
    this.#dirty = true;
    this.#writing ??= this.#writeSoon(this.#file).finally(() => (this.#writing = undefined));
  }

  /** One write for all changes of a while, and another for those that came during it. */
  async #writeSoon(file: string): Promise<void> {
    while (this.#dirty) {
      await sleep(this.#writeDelayMs, undefined, { signal: this.#stop.signal }).catch(() => {});
      this.#dirty = false;
      try {
        await replaceOwn(file, Buffer.from(formatRmtab(this.#entries.values()), 'latin1'), RMTAB_MODE);
        this.#warnedWrite = false;
      } catch (err) {
        if (!this.#warnedWrite) {
          this.#log.warn({ err, file }, 'the rmtab file cannot be written: after a restart showmount knows less');
        }
        this.#warnedWrite = true;
      }
    }
  }

  async #load(): Promise<void> {
    if (this.#file === undefined) return;
    const file = this.#file;
    try {
      await removeTemporaries(file);
      const text = await readOwn(file, RMTAB_BYTES_MAX, { orRoots: true });
      const { entries, bad } = parseRmtab(text.toString('latin1'));
      for (const entry of entries) this.#put(entry);
      if (bad.length > 0) {
        const message = 'lines of the rmtab file are skipped; expected HOST:/PATH:0xCOUNT';
        this.#log.warn({ file, lines: bad.slice(0, 10), count: bad.length }, message);
      }
    } catch (err) {
      if ((err as NodeJS.ErrnoException).code === 'ENOENT') return;
      this.#log.warn({ err, file }, 'the rmtab file cannot be read: the mount table begins empty');
    }
  }
}

const keyOf = (host: string, path: string) => `${host} ${path}`;
