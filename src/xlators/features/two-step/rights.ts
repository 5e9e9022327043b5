/**
 * Which callers may read and write a file. A GlusterFS brick checks that when a file is opened and never after, but NFSv3 opens
 * nothing, so it is checked here. The owner may do both, whatever the mode says: a file that it has open stays usable
 * (RFC 1813, 4.4). A caller that may execute a file may read it, since the client reads a program to execute it.
 */
import { FsError } from '../../../errno.ts';
import { Access, type AccessReply, type Xdata } from '../../../graph/fops.ts';
import type { Frame, Identity } from '../../../graph/frame.ts';
import { FileType, type Iatt } from '../../../graph/iatt.ts';
import { Inode } from '../../../graph/inode.ts';
import { ownFrame } from '../../../graph/own-frame.ts';
import type { Xlator } from '../../../graph/xlator.ts';

/** How long it is trusted what a file's owner is, and what a caller was granted. The brick of storage/posix has the same time. */
const TRUSTED_MS = 1000;
/** How long it is trusted that the bricks take root for root (`server.root-squash`), which they tell in no other way. */
const ROOT_TRUSTED_MS = 10_000;
const OTHERS_WRITE = 0o022;
const ALL = Access.READ | Access.WRITE | Access.EXECUTE;

/** What is known of a file: its owner, and what one caller was granted. It stands in the inode's slot. */
class Rights {
  uid: number;
  gid: number;
  mode: number;
  /** When the attributes were last seen. */
  seenMs = Date.now();
  identity: Identity | undefined;
  granted = 0;
  askedMs = 0;

  constructor({ uid, gid, mode }: Iatt) {
    this.uid = uid;
    this.gid = gid;
    this.mode = mode;
  }

  isFor({ uid, gid, mode }: Iatt): boolean {
    return uid === this.uid && gid === this.gid && mode === this.mode;
  }

  /** Whether the caller may do what needs one of the bits of `mask`. `undefined` if that is not known at present. */
  allows(identity: Identity, mask: number): boolean | undefined {
    const now = Date.now();
    if (this.uid === identity.uid && identity.uid !== 0 && now - this.seenMs < TRUSTED_MS) return true;
    if (this.identity !== identity || now - this.askedMs >= TRUSTED_MS) return undefined;
    return (this.granted & mask) === 0 ? undefined : true;
  }
}

export class RightsOfFiles {
  readonly #below: Xlator;
  readonly #slot: number;
  /** Until when no mode keeps root out. */
  #rootUntilMs = 0;

  constructor(below: Xlator, slot: number) {
    this.#below = below;
    this.#slot = slot;
  }

  /** `iatt` of an object that was found or made, with a note of its owner if the caller may have to be checked later. */
  noted({ identity }: Frame, iatt: Iatt): Iatt {
    if (identity.uid === 0 || iatt.type !== FileType.REG) return iatt;
    return { ...iatt, notes: { slot: this.#slot, value: new Rights(iatt), next: iatt.notes } };
  }

  /** Notes what an answer says of a file's attributes. What was granted with others holds no longer. */
  seen(inode: Inode, iatt: Iatt | undefined): void {
    const rights = inode.slots[this.#slot];
    if (!(rights instanceof Rights) || iatt === undefined) return;
    if (rights.isFor(iatt)) rights.seenMs = Date.now();
    else inode.slots[this.#slot] = new Rights(iatt);
  }

  /** Notes what a caller was granted of what it has asked for. */
  #keep({ identity }: Frame, inode: Inode, iatt: Iatt, mask: number, granted: number): void {
    if (identity.uid === 0) this.#learn(iatt, mask, granted);
    if (iatt.type !== FileType.REG) return;
    const rights = new Rights(iatt);
    rights.identity = identity;
    rights.granted = granted;
    rights.askedMs = rights.seenMs;
    inode.slots[this.#slot] = rights;
  }

  /** Learns what root is to the bricks: it is granted what only root is, or it is refused something. */
  #learn({ uid, mode }: Iatt, mask: number, granted: number): void {
    const isOnlyRoots = uid === 0 && (mode & OTHERS_WRITE) === 0;
    if ((mask & ~granted & (Access.READ | Access.WRITE)) !== 0) this.#rootUntilMs = 0;
    else if (isOnlyRoots && (granted & Access.WRITE) !== 0) this.#rootUntilMs = Date.now() + ROOT_TRUSTED_MS;
  }

  /** Resolves if the caller may read the file. @throws {FsError} EACCES */
  mayRead(frame: Frame, inode: Inode): Promise<void> | undefined {
    return this.#check(frame, inode, Access.READ | Access.EXECUTE);
  }

  /** Resolves if the caller may write to the file. @throws {FsError} EACCES */
  mayWrite(frame: Frame, inode: Inode): Promise<void> | undefined {
    return this.#check(frame, inode, Access.WRITE);
  }

  /**
   * Resolves if the caller may give the object another parent: to a directory it must be able to write, since its `..` changes.
   * What there is else to be said of the names, the bricks say.
   * @throws {FsError} EACCES
   */
  async mayMove(frame: Frame, parent: Inode, name: string): Promise<void> {
    const found = await this.#below.lookup(ownFrame(frame), parent, name).catch(() => undefined);
    if (found?.iatt.type !== FileType.DIR) return;
    const { granted } = await this.#below.access(frame, new Inode(found.iatt.gfid, FileType.DIR), Access.WRITE);
    if (granted === 0) throw new FsError('EACCES', 'the mode of the directory does not permit it');
  }

  /** `undefined` if the caller may do what needs one of the bits of `mask`, without asking. */
  #check(frame: Frame, inode: Inode, mask: number): Promise<void> | undefined {
    const { identity } = frame;
    if (identity.uid === 0 && Date.now() < this.#rootUntilMs) return undefined;
    const rights = inode.slots[this.#slot];
    if (rights instanceof Rights && rights.allows(identity, mask)) return undefined;
    return this.#ask(frame, inode, mask);
  }

  async #ask(frame: Frame, inode: Inode, mask: number): Promise<void> {
    const { uid } = frame.identity;
    // What root is granted in all tells whether it is root to the bricks.
    const { granted, iatt } = await this.access(frame, inode, uid === 0 ? ALL : mask);
    const isOwner = uid !== 0 && iatt.uid === uid;
    if ((granted & mask) === 0 && !isOwner) throw new FsError('EACCES', 'the mode does not permit it');
  }

  /**
   * Asks the brick for all of the mask at once, and for each bit only if it grants nothing: some calls it answers only with
   * whether the whole is granted. The attributes are asked for beside that.
   */
  async access(
    frame: Frame,
    inode: Inode,
    mask: number,
    xdata?: Xdata,
  ): Promise<AccessReply & { readonly iatt: Iatt }> {
    const below = this.#below;
    const seen = below.stat(frame, inode);
    const [iatt, answer] = await Promise.all([seen, below.access(frame, inode, mask, xdata)]);
    let { granted } = answer;
    if (granted === 0 && (mask & (mask - 1)) !== 0) {
      const bits = Object.values(Access).filter(bit => (mask & bit) !== 0);
      const answers = await Promise.all(bits.map(bit => below.access(frame, inode, bit)));
      granted = answers.reduce((all, one) => all | one.granted, 0);
    }
    // A file without any execution bit is no program, for root neither.
    if (iatt.type === FileType.REG && (iatt.mode & 0o111) === 0) granted &= ~Access.EXECUTE;
    this.#keep(frame, inode, iatt, mask, granted);
    return { ...answer, granted, iatt };
  }
}
