/**
 * The rights that NFS gives beyond the mode. NFSv3 opens nothing: a file that its owner has open stays usable for it,
 * whatever the mode has become, and who may execute a file reads it, since the client executes it (RFC 1813, 4.4).
 */
import { errnoOf, FsError } from '../../../errno.ts';
import { Access } from '../../../graph/fops.ts';
import type { Frame, Identity } from '../../../graph/frame.ts';
import type { Iatt } from '../../../graph/iatt.ts';
import type { Inode } from '../../../graph/inode.ts';
import type { Xlator } from '../../../graph/xlator.ts';

/** A process that is no NFS server: a brick does not check the mode for it, as it did when the file was opened. */
const OPENER_PID = 2;

/** How long it is trusted that a caller has the rights by which a refusal was overruled. */
const TRUSTED_MS = 1000;

/** The frame of a fop through an open file, or of a caller that could have had it open: the brick does not check the mode. */
export const asOpener = (frame: Frame): Frame => ({ ...frame, pid: OPENER_PID });

/** What the slot of an inode holds: the caller that was served although the brick refuses it, and when its right was last seen. */
class Overrule {
  readonly identity: Identity;
  readonly asked: 'read' | 'write';
  atMs = Date.now();
  constructor(identity: Identity, asked: 'read' | 'write') {
    this.identity = identity;
    this.asked = asked;
  }
}

/** Reads and writes for callers that the brick refuses although NFS does not. */
export class Owners {
  readonly #below: Xlator;
  readonly #slot: number;

  constructor(below: Xlator, slot: number) {
    this.#below = below;
    this.#slot = slot;
  }

  /**
   * Makes a call that the brick checks by the mode. `attributes` finds the file's in the answer. The owner's next calls
   * are not checked by the brick for as long as the answers show that it is still the owner.
   */
  call<T>(
    frame: Frame,
    inode: Inode,
    asked: 'read' | 'write',
    call: (frame: Frame) => Promise<T>,
    attributes: (answer: T) => Iatt | undefined,
  ): Promise<T> {
    const { identity } = frame;
    if (identity.uid === 0) return call(frame); // no mode keeps root out
    const known = inode.slots[this.#slot];
    if (known instanceof Overrule && known.identity === identity && (asked === 'read' || known.asked === 'write')) {
      if (Date.now() - known.atMs < TRUSTED_MS) return this.#trusting(frame, inode, known, call, attributes);
    }
    return call(frame).catch((error: unknown) => this.#refused(frame, inode, asked, call, attributes, error));
  }

  async #refused<T>(
    frame: Frame,
    inode: Inode,
    asked: 'read' | 'write',
    call: (frame: Frame) => Promise<T>,
    attributes: (answer: T) => Iatt | undefined,
    error: unknown,
  ): Promise<T> {
    if (errnoOf(error) !== 'EACCES') throw error;
    const { uid } = await this.#below.stat(frame, inode);
    if (uid === frame.identity.uid) {
      const overrule = new Overrule(frame.identity, asked);
      inode.slots[this.#slot] = overrule;
      return this.#trusting(frame, inode, overrule, call, attributes);
    }
    if (asked === 'write') throw error;
    const { granted } = await this.#below.access(frame, inode, Access.EXECUTE);
    if (granted === 0) throw error;
    return call(asOpener(frame));
  }

  async #trusting<T>(
    frame: Frame,
    inode: Inode,
    overrule: Overrule,
    call: (frame: Frame) => Promise<T>,
    attributes: (answer: T) => Iatt | undefined,
  ): Promise<T> {
    const answer = await call(asOpener(frame));
    const uid = attributes(answer)?.uid;
    if (uid === frame.identity.uid) overrule.atMs = Date.now();
    else if (uid !== undefined) inode.slots[this.#slot] = undefined;
    return answer;
  }

  /** Refuses a change that the brick does not check: only the owner, or who may write, may make it. */
  async mayWrite(frame: Frame, inode: Inode): Promise<void> {
    if (frame.identity.uid === 0) return;
    const { granted } = await this.#below.access(frame, inode, Access.WRITE);
    if (granted !== 0) return;
    const { uid } = await this.#below.stat(frame, inode);
    if (uid !== frame.identity.uid) throw new FsError('EACCES', 'the caller may not write');
  }
}
