/**
 * The mount table: which client has mounted what, as the clients themselves say (RFC 1813, 5.2.2: "for information
 * only"). Only showmount depends on it. It is kept in the rmtab file, so that it outlives a restart.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { MOUNTS_MAX } from '#protocols/mount.ts';
import type { Log } from '../../../../log.ts';
import { readOwn, removeTemporaries, replaceOwn } from '../../../../sys/files/own-files.ts';
import type { MountEntry } from './mount-entry.ts';
import { formatRmtab, parseRmtab } from './rmtab.ts';

/** The mount table as every stage sees it. There is a single table, which is in the main thread. */
export interface MountTable {
  add(host: string, path: string, overUdp?: boolean): void;
  /**
   * Removes an entry. With `overUdp`, only an entry that was made over UDP, so that a forged UMNT cannot undo what a
   * client has done over TCP.
   */
  remove(host: string, path: string, overUdp?: boolean): void;
  /** Removes all entries of a host; `overUdp` is as for {@link remove}. */
  removeHost(host: string, overUdp?: boolean): void;
  list(): Promise<readonly MountEntry[]>;
}

export interface MountListOptions {
  readonly log: Log;
  /** The path of the rmtab file; `/-` for no file, as in the option nfs.mount-rmtab of gNFS. */
  readonly rmtab: string;
  /** The most entries. If there are more, the oldest one is dropped. */
  readonly entriesMax?: number;
  /** The most entries of one host. If there are more, its oldest one is dropped. */
  readonly perHostMax?: number;
  /** How long changes gather before they are written; longer if the file is large. */
  readonly writeDelayMs?: number;
}

const NO_FILE = '/-';
const RMTAB_MODE = 0o644;
const WRITE_DELAY_MS = 500;
/**
 * The average rate, in bytes a millisecond, at which the file is written (256 KiB/s). It is always written as a whole,
 * so frequent changes are written together.
 */
const WRITTEN_BYTES_PER_MS = 256;
/** The most entries of one address, which may stand for many hosts. */
const PER_HOST_MAX = 1024;
/** The largest rmtab file that is read. It holds as many entries as there may be, even if all are unusually long. */
const RMTAB_BYTES_MAX = 64 * 1024 * 1024;

export class MountList implements MountTable, AsyncDisposable {
  readonly #log: Log;
  readonly #file: string | undefined;
  readonly #entriesMax: number;
  readonly #perHostMax: number;
  readonly #writeDelayMs: number;
  /** The entries by `host path`, the oldest first. A host has no space in it. */
  readonly #entries = new Map<string, MountEntry>();
  /** The keys of the entries of each host, so that UMNTALL need not look through all entries. */
  readonly #ofHost = new Map<string, Set<string>>();
  readonly #stop = new AbortController();
  #dirty = false;
  #writtenBytes = 0;
  #writing: Promise<void> | undefined;
  #warnedFull = false;
  #warnedWrite = false;

  /** Reads the file, if there is one. What cannot be read is logged and left out. */
  static async open(options: MountListOptions): Promise<MountList> {
    const mounts = new MountList(options);
    await mounts.#load();
    return mounts;
  }

  /** Use {@link open}. */
  constructor({ log, rmtab, ...more }: MountListOptions) {
    const { entriesMax = MOUNTS_MAX, perHostMax = PER_HOST_MAX, writeDelayMs = WRITE_DELAY_MS } = more;
    this.#log = log;
    this.#file = rmtab === NO_FILE || rmtab === '' ? undefined : rmtab;
    this.#entriesMax = entriesMax;
    this.#perHostMax = perHostMax;
    this.#writeDelayMs = writeDelayMs;
  }

  get size(): number {
    return this.#entries.size;
  }

  add(host: string, path: string, overUdp = false): void {
    const before = this.#entries.get(keyOf(host, path));
    // A datagram must not turn an entry that was made over TCP into one that datagrams can remove.
    const udp = overUdp && (before === undefined || before.overUdp === true);
    this.#put(udp ? { host, path, overUdp } : { host, path });
    if (before === undefined) this.#changed();
  }

  remove(host: string, path: string, overUdp = false): void {
    const key = keyOf(host, path);
    if (overUdp && !this.#entries.get(key)?.overUdp) return;
    if (this.#drop(key)) this.#changed();
  }

  removeHost(host: string, overUdp = false): void {
    let dropped = false;
    for (const key of this.#ofHost.get(host) ?? []) {
      if (overUdp && !this.#entries.get(key)!.overUdp) continue;
      dropped = this.#drop(key) || dropped;
    }
    if (dropped) this.#changed();
  }

  async list(): Promise<readonly MountEntry[]> {
    return [...this.#entries.values()];
  }

  /** Resolves when all changes so far have been written to the file, or could not be, which is logged. */
  async flush(): Promise<void> {
    while (this.#writing) await this.#writing;
  }

  /** Writes at once what has not been written yet. Safe to call twice. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.flush();
  }

  #put(entry: MountEntry): void {
    const key = keyOf(entry.host, entry.path);
    this.#drop(key); // so that it is the youngest entry
    this.#entries.set(key, entry);
    const keys = this.#ofHost.get(entry.host);
    if (keys) keys.add(key);
    else this.#ofHost.set(entry.host, new Set([key]));
    if (keys && keys.size > this.#perHostMax) {
      const [oldest] = keys;
      this.#drop(oldest!);
    }
    if (this.#entries.size <= this.#entriesMax) return;
    const [oldest] = this.#entries.keys();
    this.#drop(oldest!);
    if (this.#warnedFull) return;
    this.#warnedFull = true;
    this.#log.warn({ entriesMax: this.#entriesMax }, 'the mount table is full; its oldest entries are dropped');
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

  /** Waits for further changes and writes all in one go; then does so again if more have come meanwhile. */
  async #writeSoon(file: string): Promise<void> {
    while (this.#dirty) {
      const delayMs = Math.max(this.#writeDelayMs, this.#writtenBytes / WRITTEN_BYTES_PER_MS);
      await sleep(delayMs, undefined, { signal: this.#stop.signal }).catch(() => {});
      this.#dirty = false;
      const text = formatRmtab(this.#entries.values());
      this.#writtenBytes = text.length;
      try {
        await replaceOwn(file, Buffer.from(text, 'latin1'), RMTAB_MODE);
        this.#warnedWrite = false;
      } catch (err) {
        if (!this.#warnedWrite) {
          this.#log.warn(
            { err, file },
            'cannot write the rmtab file; the list of mounts will be incomplete after a restart',
          );
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
      this.#log.warn({ err, file }, 'cannot read the rmtab file; the mount table starts empty');
    }
  }
}

const keyOf = (host: string, path: string) => `${host} ${path}`;
