/**
 * The log for what a peer can cause: one line a second for each client and message, with a count of those that were left
 * out. However many peers there are and whatever they send, the log grows by so many lines a second and no more.
 */
import type { Log } from './log.ts';

export interface PeerFields {
  /** The address of the peer; absent where it is not known. */
  readonly client?: string | undefined;
  readonly [field: string]: unknown;
}

type Say = (fields: PeerFields, message: string) => void;

/** What those are given who log what peers do; `message` says what has happened, `fields` say to whom and with what. */
export interface PeerLogger {
  readonly debug: Say;
  readonly info: Say;
  readonly warn: Say;
  readonly error: Say;
}

type Level = keyof PeerLogger;

const WINDOW_MS = 1000;
/** Lines of all clients in one window; those of others are only counted. */
const LINES_MAX = 64;

/** One client's lines of one kind, in this window. */
interface Kind {
  readonly level: Level;
  readonly message: string;
  /** Those of the last line that was left out. */
  fields: PeerFields;
  leftOut: number;
}

export class PeerLog implements PeerLogger {
  readonly #log: Log;
  readonly #kinds = new Map<string, Kind>();
  /** Lines left out that are not counted by client, since there are too many. */
  #others = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(log: Log) {
    this.#log = log;
  }

  readonly debug: Say = (fields, message) => this.#add('debug', fields, message);
  readonly info: Say = (fields, message) => this.#add('info', fields, message);
  readonly warn: Say = (fields, message) => this.#add('warn', fields, message);
  readonly error: Say = (fields, message) => this.#add('error', fields, message);

  #add(level: Level, fields: PeerFields, message: string): void {
    if (!this.#log.isLevelEnabled(level)) return;
    const key = `${fields.client} ${message}`;
    const kind = this.#kinds.get(key);
    if (kind !== undefined) {
      kind.leftOut++;
      kind.fields = fields;
    } else if (this.#kinds.size < LINES_MAX) {
      this.#kinds.set(key, { level, message, fields, leftOut: 0 });
      this.#log[level](fields, message);
    } else {
      this.#others++;
    }
    this.#timer ??= setInterval(() => this.flush(), WINDOW_MS).unref();
  }

  /** The window is over: what was left out in it is told of, by its last line. */
  flush(): void {
    const kinds = [...this.#kinds];
    this.#kinds.clear();
    for (const [key, kind] of kinds) {
      const { level, fields, message, leftOut } = kind;
      if (leftOut === 0) continue;
      // This is the new window's line, so the next one comes when that is over.
      this.#kinds.set(key, { ...kind, leftOut: 0 });
      this.#log[level](leftOut === 1 ? fields : { ...fields, leftOut: leftOut - 1 }, message);
    }
    if (this.#others > 0) this.#log.warn({ leftOut: this.#others }, 'lines about more clients were left out');
    this.#others = 0;
    if (this.#kinds.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}
