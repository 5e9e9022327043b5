/**
 * Tells whether the index may lack objects that exist. If the machine went down while the index was in use, it may lack
 * what was written last, although the file system has it; and an index that was made anew is empty. In both cases an
 * object that the index does not know may still exist.
 */
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { DatabaseSync } from 'node:sqlite';

/**
 * `use` has a row for each brick that uses the index, in any graph of any stage. The brick deletes it when it closes
 * the index. `unsure` has a row if something may be missing. The column `stage` only numbers the rows.
 */
const SCHEMA = `
  CREATE TABLE IF NOT EXISTS use (stage INTEGER PRIMARY KEY, boot TEXT NOT NULL, owner TEXT NOT NULL);
  CREATE TABLE IF NOT EXISTS unsure (one INTEGER PRIMARY KEY);
`;

/** An id that changes with every start of the machine. */
const bootId = (): string => readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim();

/**
 * Identifies this process, with all its threads, among those since the machine was started: by number and start time.
 */
function processId(): string {
  const stat = readFileSync('/proc/self/stat', 'latin1');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' '); // from field 3 on; 22 is the start time, see proc(5)
  return `${process.pid}.${fields[19]}`;
}

export class IndexUse {
  readonly #db: DatabaseSync;
  readonly #owner: string;
  /** What was read last. Another stage may have completed the index since. */
  #unsure: boolean;

  /** `mayLack` says that something may be missing for another reason than a crash. */
  constructor(db: DatabaseSync, mayLack: boolean) {
    this.#db = db;
    const boot = bootId();
    const own = processId();
    this.#owner = `${own} ${randomUUID()}`;
    db.exec(SCHEMA);
    db.exec('BEGIN IMMEDIATE');
    try {
      const before = db.prepare('DELETE FROM use WHERE boot <> ?').run(boot);
      if (before.changes > 0 || mayLack) db.exec('INSERT OR IGNORE INTO unsure (one) VALUES (1)');
      // Only one server at a time uses a state directory, so the others were killed. The machine has run on since then,
      // so what they wrote is there.
      db.prepare(`DELETE FROM use WHERE owner NOT LIKE ? || ' %'`).run(own);
      db.prepare('INSERT INTO use (boot, owner) VALUES (?, ?)').run(boot, this.#owner);
      db.exec('COMMIT');
    } catch (error) {
      if (db.isTransaction) db.exec('ROLLBACK');
      throw error;
    }
    this.#unsure = this.#ask();
  }

  /** Whether something may be missing. */
  get unsure(): boolean {
    return this.#unsure && (this.#unsure = this.#ask());
  }

  /** Records that every object was noted, so that nothing is missing. */
  sure(): void {
    this.#db.exec('DELETE FROM unsure');
    this.#unsure = false;
  }

  /** Records that this brick no longer uses the index. */
  end(): void {
    this.#db.prepare('DELETE FROM use WHERE owner = ?').run(this.#owner);
  }

  #ask(): boolean {
    return this.#db.prepare('SELECT one FROM unsure').get() !== undefined;
  }
}
