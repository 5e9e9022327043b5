/** The table of places: the directories and names under which each gfid was seen. */
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import type { IndexWrites } from './writes.ts';

export interface Place {
  /** The gfid of the directory. */
  readonly parent: Uint8Array;
  readonly name: Uint8Array;
  /** The inode number of the object, in decimal digits. */
  readonly ino: string;
}

/** A place to be noted. */
export interface NewPlace {
  readonly parent: Buffer;
  /** In latin1, like all names in fops. */
  readonly name: string;
  readonly gfid: Buffer;
  readonly ino: number | bigint | string;
}

/** A name that no entry of a directory can have. It stands in for a name while two objects are exchanged. */
const UNNAMEABLE = Buffer.from('/');

/** Names in the database are bytes. */
const bytesOf = (name: string) => Buffer.from(name, 'latin1');

/** The table `place` of the index. */
export class PlaceTable {
  readonly #db: DatabaseSync;
  readonly #writes: IndexWrites;
  readonly #add: StatementSync;
  readonly #remove: StatementSync;
  readonly #removeAll: StatementSync;
  readonly #move: StatementSync;
  readonly #find: StatementSync;

  constructor(db: DatabaseSync, writes: IndexWrites) {
    this.#db = db;
    this.#writes = writes;
    this.#add = db.prepare(
      `INSERT INTO place (parent, name, gfid, ino) VALUES (?, ?, ?, ?)
       ON CONFLICT (parent, name) DO UPDATE SET gfid = excluded.gfid, ino = excluded.ino WHERE gfid <> excluded.gfid`,
    );
    this.#remove = db.prepare('DELETE FROM place WHERE parent = ? AND name = ?');
    this.#removeAll = db.prepare('DELETE FROM place WHERE gfid = ?');
    this.#move = db.prepare('UPDATE OR REPLACE place SET parent = ?, name = ? WHERE parent = ? AND name = ?');
    this.#find = db.prepare('SELECT parent, name, ino FROM place WHERE gfid = ?');
  }

  /** @throws {FsError} EJUKEBOX while the database cannot be used */
  find(gfid: Uint8Array): Place[] {
    return this.#writes.read(() => this.#find.all(gfid)) as unknown as Place[];
  }

  /** Writes one place. @throws {FsError} EJUKEBOX if it cannot be written */
  note(place: NewPlace): void {
    this.#writes.write(() => this.#insert(place));
  }

  /** Writes all places in one transaction. @throws {FsError} EJUKEBOX if they cannot be written */
  noteAll(places: readonly NewPlace[]): void {
    this.#writes.writeAll(() => {
      for (const place of places) this.#insert(place);
    });
  }

  // The following record what was already done in the file system: they are written later if that fails now.

  /** Records a place that an object has been given. */
  added(place: NewPlace): void {
    this.#writes.done(() => this.#insert(place));
  }

  removed(parent: Buffer, name: string): void {
    this.#writes.done(() => this.#remove.run(parent, bytesOf(name)));
  }

  /** Records that the object has no place any more. */
  allRemoved(gfid: Buffer): void {
    this.#writes.done(() => this.#removeAll.run(gfid));
  }

  moved(from: Buffer, fromName: string, to: Buffer, toName: string): void {
    this.#writes.done(() => this.#move.run(to, bytesOf(toName), from, bytesOf(fromName)));
  }

  /** Records that the objects of two names have been exchanged. */
  exchanged(one: Buffer, oneName: string, other: Buffer, otherName: string): void {
    const [first, second] = [bytesOf(oneName), bytesOf(otherName)];
    this.#writes.done(() => {
      this.#db.exec('SAVEPOINT exchange'); // this may run inside a transaction, and must be written as a whole
      this.#move.run(one, UNNAMEABLE, one, first);
      this.#move.run(one, first, other, second);
      this.#move.run(other, second, one, UNNAMEABLE);
      this.#db.exec('RELEASE exchange');
    });
  }

  #insert({ parent, name, gfid, ino }: NewPlace): void {
    this.#add.run(parent, bytesOf(name), gfid, String(ino));
  }
}
