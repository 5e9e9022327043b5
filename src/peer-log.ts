/**
 * The log for events that a peer can cause. It writes one line a second for each client and message, with a count of
 * the lines that were left out. The log's growth is thus limited however many peers there are and whatever they send.
 */
import type { Log } from './log.ts';

export interface PeerFields {
  /** The address of the peer; absent where it is not known. */
  readonly client?: string | undefined;
  readonly [field: string]: unknown;
}

type Say = (fields: PeerFields, message: string) => void;

/**
 * The interface for logging what peers do. `message` says what has happened; `fields` say to which peer, and with what
 * details.
 */
export interface PeerLogger {
  readonly debug: Say;
  readonly info: Say;
  readonly warn: Say;
  readonly error: Say;
}

type Level = keyof PeerLogger;

const WINDOW_MS = 1000;
/** The most lines of all clients in one window. Further ones are only counted. */
const LINES_MAX = 64;

/** One client's lines of one kind, in this window. */
interface Kind {
  readonly level: Level;
  readonly message: string;
  /** The fields of the last line that was left out. */
  fields: PeerFields;
  leftOut: number;
}

export class PeerLog implements PeerLogger {
  readonly #log: Log;
  readonly #kinds = new Map<string, Kind>();
  /** The number of lines that were left out and not counted by client, since there were too many. */
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

  /** Ends the window: for each client and message with lines left out, writes the last of them. */
  flush(): void {
    const kinds = [...this.#kinds];
    this.#kinds.clear();
    for (const [key, kind] of kinds) {
      const { level, fields, message, leftOut } = kind;
      if (leftOut === 0) continue;
      // This is the first line of the new window, so the next one is written when that window ends.
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
