/**
 * Tells whether the index may lack objects that exist. If the machine went down while the index was in use, it may lack
 * what was written last, although the file system has it; and an index that was made anew is empty. In both cases an
 * object that the index does not know may still exist.
 */
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { DatabaseSync } from 'node:sqlite';

/**
 * There is a row in `use` for each stage that uses the index, which the stage deletes when it closes it, and a row in
 * `unsure` if something may be missing.
 */
const SCHEMA = `
  CREATE TABLE IF NOT EXISTS use (stage INTEGER PRIMARY KEY, boot TEXT NOT NULL, owner TEXT NOT NULL);
  CREATE TABLE IF NOT EXISTS unsure (one INTEGER PRIMARY KEY);
`;

/** An id that changes with every start of the machine. */
const bootId = (): string => readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim();

export class IndexUse {
  readonly #db: DatabaseSync;
  readonly #owner = randomUUID();
  /** What was read last. Another stage may have completed the index since. */
  #unsure: boolean;

  /** With `mayLack` something may be missing for another reason. */
  constructor(db: DatabaseSync, stage: number, mayLack: boolean) {
    this.#db = db;
    const boot = bootId();
    db.exec(SCHEMA);
    db.exec('BEGIN IMMEDIATE');
    try {
      const before = db.prepare('DELETE FROM use WHERE boot <> ?').run(boot);
      if (before.changes > 0 || mayLack) db.exec('INSERT OR IGNORE INTO unsure (one) VALUES (1)');
      db.prepare('INSERT OR REPLACE INTO use (stage, boot, owner) VALUES (?, ?, ?)').run(stage, boot, this.#owner);
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

  /** Records that every object was noted. */
  sure(): void {
    this.#db.exec('DELETE FROM unsure');
    this.#unsure = false;
  }

  /** Records that this stage no longer uses the index. */
  end(): void {
    this.#db.prepare('DELETE FROM use WHERE owner = ?').run(this.#owner);
  }

  #ask(): boolean {
    return this.#db.prepare('SELECT one FROM unsure').get() !== undefined;
  }
}
