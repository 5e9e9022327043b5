/**
 * Files that are open at the brick because NFS clients read or write them often. NFSv3 opens nothing, and for a call without an
 * open file a brick looks the file up, opens it and closes it again, which takes it about as long as the call itself.
 *
 * To those above nothing changes: what fails by an open file is asked for again without one, and so is what was done to a file
 * that has lost its last name, since without an open file it would be gone. They are no part of {@link RemoteFds}: nothing
 * depends on them, so they are forgotten when the connection ends.
 */
import { ERRNO } from '../../../errno.ts';
import type { Inode } from '../../../graph/inode.ts';
import { O_RDONLY, O_RDWR } from '../../../sys/constants.ts';
import { BusyCounts } from './busy-counts.ts';

/** How many files are open at a brick at most, for one thread of the server. */
const OPEN_MAX = 256;
/** A file that is not used for so long, or for up to twice as long, is closed: others may have removed it meanwhile. */
const IDLE_MS = 1000;
/** How many files are looked at to find one that can be closed in favour of another one. */
const LOOKS_MAX = 8;

/** A brick without space says this, however the file is opened, and often if at all. */
const FULL: ReadonlySet<number> = new Set([ERRNO.ENOSPC, ERRNO.EDQUOT]);

/** How a brick opens and closes files. */
export interface Opener {
  /** Returns the number of the open file. */
  readonly open: (gfid: Buffer, flags: number) => Promise<number>;
  readonly close: (gfid: Buffer, number: number) => void;
}

/** An open file, in the slot of its inode. It can be used once it has a number. */
interface BusyFile {
  readonly inode: Inode;
  readonly takesWrites: boolean;
  /** Counts the connections to the brick, each of which has numbers of its own. */
  readonly connection: number;
  /** The number that the brick has given to it; `undefined`: it is being opened, or cannot be. */
  number: number | undefined;
  /** Calls under way. Before they are answered the brick may not be told to close it: it could use the number again. */
  calls: number;
  /** Whether it was used since this was last looked at. */
  isUsed: boolean;
  isClosed: boolean;
}

/** What a reply to READ or WRITE says of the file, after the call. */
interface Outcome {
  readonly op_ret: number;
  readonly op_errno: number;
}

export class BusyFiles {
  readonly #slot: number;
  readonly #opener: Opener;
  readonly #counts = new BusyCounts();
  readonly #files = new Set<BusyFile>();
  #connection = 0;
  /**
   * The brick had no space for the last WRITE. Then nothing is open there: it frees the space of a removed file that is open in
   * a second step, when it is closed, which a full quota of btrfs may refuse for good.
   */
  #isFull = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(slot: number, opener: Opener) {
    this.#slot = slot;
    this.#opener = opener;
  }

  /** How many are open, or are being opened. */
  get size(): number {
    return this.#files.size;
  }

  /**
   * The open file for a call that reads, or writes, which must be ended by {@link end}. `undefined`: there is none, and
   * {@link count} is to be called when the call has been made.
   */
  begin({ slots }: Inode, writes: boolean): BusyFile | undefined {
    const file = slots[this.#slot] as BusyFile | undefined;
    if (file?.number === undefined || (writes && !file.takesWrites)) return undefined;
    file.calls++;
    file.isUsed = true;
    return file;
  }

  /** Notes that a call by an open file was answered, or that it has failed. */
  end(file: BusyFile): void {
    file.calls--;
    if (file.isClosed && file.calls === 0) this.#release(file);
  }

  /** Notes the reply to a WRITE. */
  written({ op_ret, op_errno }: Outcome): void {
    this.#isFull = op_ret < 0 && FULL.has(op_errno);
    if (this.#isFull) for (const file of this.#files) this.#close(file);
  }

  /**
   * Whether a call by an open file must be made once more without one, given its reply and the links that the file then has.
   * The file is closed if so.
   */
  isToRepeat(file: BusyFile, { op_ret, op_errno }: Outcome, nlink: number | undefined): boolean {
    const isGood = op_ret < 0 ? FULL.has(op_errno) : nlink !== 0;
    if (!isGood) this.#close(file);
    return !isGood;
  }

  /** Notes a call without an open file. The one that makes the file busy has it opened, for the calls that follow. */
  count(inode: Inode, writes: boolean): void {
    if (!this.#counts.isBusyBy(inode.gfid) || this.#isFull) return;
    const file = inode.slots[this.#slot] as BusyFile | undefined;
    if (file !== undefined) {
      // A file that is being opened will be open soon, and one that cannot be opened is not tried again at once.
      if (file.number === undefined && (file.takesWrites || !writes)) return;
      this.#close(file);
    }
    if (this.#files.size >= OPEN_MAX && !this.#makeRoom()) return;
    void this.#open(inode, writes);
  }

  async #open(inode: Inode, takesWrites: boolean): Promise<void> {
    const connection = this.#connection;
    const file: BusyFile = {
      inode,
      takesWrites,
      connection,
      number: undefined,
      calls: 0,
      isUsed: true,
      isClosed: false,
    };
    inode.slots[this.#slot] = file;
    this.#files.add(file);
    this.#timer ??= setInterval(() => this.#closeIdle(), IDLE_MS).unref();
    try {
      // A file that is only read is opened for no more: the brick may be read-only, or others may have the file leased.
      file.number = await this.#opener.open(inode.gfid, takesWrites ? O_RDWR : O_RDONLY);
      if (file.isClosed) this.#release(file);
    } catch {
      // It is used without being opened, and is forgotten when it has been idle.
    }
  }

  /** Closes a file at once when its inode is forgotten, as it is when it is removed: its space is not free before. */
  forget(inode: Inode): void {
    const file = inode.slots[this.#slot] as BusyFile | undefined;
    if (file !== undefined) this.#close(file);
  }

  /** Notes that the connection has ended, with which the brick has closed everything. */
  dropped(): void {
    this.#connection++;
    for (const file of this.#files) this.#close(file);
  }

  #close(file: BusyFile): void {
    if (file.isClosed) return;
    file.isClosed = true;
    this.#files.delete(file);
    if (file.inode.slots[this.#slot] === file) file.inode.slots[this.#slot] = undefined;
    if (file.calls === 0) this.#release(file);
    if (this.#files.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  /** Has the brick close a file, unless it is not open there, or no longer. */
  #release({ inode, number, connection }: BusyFile): void {
    if (number !== undefined && connection === this.#connection) this.#opener.close(inode.gfid, number);
  }

  #closeIdle(): void {
    for (const file of this.#files) {
      if (file.isUsed || file.calls > 0) file.isUsed = false;
      else this.#close(file);
    }
  }

  /** Closes a file that was not used lately. Returns whether there was one, among those that are looked at. */
  #makeRoom(): boolean {
    let looks = 0;
    for (const file of this.#files) {
      if (!file.isUsed && file.calls === 0) {
        this.#close(file);
        return true;
      }
      if (++looks === LOOKS_MAX) return false;
      file.isUsed = false;
      this.#files.delete(file);
      this.#files.add(file);
    }
    return false;
  }
}
