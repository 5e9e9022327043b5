/**
 * The gfids of inodes that neither a handle nor the birth time identifies (`Mount.hidesIdentity`). A row holds the
 * birth time that an inode number had when it was last seen, and the gfid that was given to it.
 */
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { keptCopy } from '../../../../kept-bytes.ts';
import { S_IFDIR, S_IFMT } from '../../../../sys/constants.ts';
import type { Stat } from '../../../../sys/files/statx.ts';
import { gfidOfInode, randomGfid } from '../objects/gfid.ts';
import type { ObjectMount, PosixObject } from '../objects/object.ts';
import type { IndexWrites } from './writes.ts';

interface Birth {
  readonly btime: string;
  readonly gfid: Uint8Array;
}

const birthTime = (seen: Stat) => `${seen.btime}.${seen.btimeNsec}`;

/** The table `birth` of the index. */
export class Births {
  readonly #writes: IndexWrites;
  readonly #find: StatementSync;
  readonly #put: StatementSync;
  readonly #putOnce: StatementSync;
  readonly #delete: StatementSync;

  constructor(db: DatabaseSync, writes: IndexWrites) {
    this.#writes = writes;
    this.#find = db.prepare('SELECT btime, gfid FROM birth WHERE tag = ? AND ino = ?');
    this.#put = db.prepare('INSERT OR REPLACE INTO birth (tag, ino, btime, gfid) VALUES (?, ?, ?, ?)');
    this.#putOnce = db.prepare('INSERT OR IGNORE INTO birth (tag, ino, btime, gfid) VALUES (?, ?, ?, ?)');
    this.#delete = db.prepare('DELETE FROM birth WHERE tag = ? AND ino = ?');
  }

  /**
   * Returns the gfid of the inode that `seen` describes: the one that it was given when it was first seen by any stage,
   * unless its birth time has changed since. The birth time of a directory on overlayfs changes when anything in it
   * does.
   */
  gfidOf(mount: ObjectMount, seen: Stat): Buffer {
    this.#writes.ready(); // the removal of an object with this inode number may still have to be written
    const ino = String(seen.inoKey);
    const btime = birthTime(seen);
    let row = this.#birthOf(mount, ino);
    if (row === undefined && !mount.births) {
      this.#writes.write(() => this.#putOnce.run(mount.tag, ino, btime, randomGfid(mount.tag).gfid));
      row = this.#birthOf(mount, ino);
    }
    const isSame = row && (!mount.births || row.btime === btime || (seen.mode & S_IFMT) === S_IFDIR);
    const gfid = isSame ? keptCopy(row!.gfid) : gfidOfInode(mount.tag, seen.inoKey, seen.btime, seen.btimeNsec).gfid;
    if (row?.btime !== btime) this.#writes.write(() => this.#put.run(mount.tag, ino, btime, gfid));
    return gfid;
  }

  /** Records the birth time of an object that overlayfs has copied. */
  changed({ mount, ino, gfid }: PosixObject, seen: Stat): void {
    const btime = birthTime(seen);
    this.#writes.done(() => this.#put.run(mount.tag, String(ino), btime, gfid));
  }

  /** Records that an inode no longer exists. */
  removed({ tag }: ObjectMount, ino: number | bigint): void {
    this.#writes.done(() => this.#delete.run(tag, String(ino)));
  }

  #birthOf({ tag }: ObjectMount, ino: string): Birth | undefined {
    return this.#writes.read(() => this.#find.get(tag, ino)) as Birth | undefined;
  }
}
