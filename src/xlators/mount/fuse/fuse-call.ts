import type { Struct } from '#protocols/fuse/codec.ts';
import type { fuse_in_header } from '#protocols/fuse/header.ts';
import { FsError } from '../../../errno.ts';
import type { Frame } from '../../../graph/frame.ts';
import { identityOf } from '../../../graph/identity.ts';
import type { HeldLocks } from '../../../graph/fops/held-locks.ts';
import type { Fd, Inode } from '../../../graph/inode.ts';
import { NEVER, OWN } from '../../../graph/own-frame.ts';
import type { Volume } from '../../../master/volume.ts';
import type { Callers } from './callers.ts';
import type { Device } from './device.ts';
import type { Invalidations } from './invalidations.ts';
import type { Nodes } from './nodes.ts';
import type { OpenFiles } from './open-files.ts';
import type { FuseOptions } from './options.ts';

/** What all calls of a mount share, until another graph takes over. */
export interface Serving {
  readonly volume: Volume;
  readonly nodes: Nodes;
  readonly files: OpenFiles;
  /** The locks that the graph has given, unless the kernel keeps them. */
  readonly locks: HeldLocks<Fd>;
  readonly invalidations: Invalidations;
  readonly callers: Callers;
  readonly device: Device;
  readonly options: FuseOptions;
  /** The calls that are not answered, by their numbers. */
  readonly active: Map<number, FuseCall>;
  /** Called when a call is answered. */
  answered(call: FuseCall): void;
  /** The caller of a request was interrupted. */
  interrupt(unique: number): void;
}

/** An owner of locks as the graph names owners: bytes. */
function ownerBytes(owner: bigint): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(owner);
  return bytes;
}

/** A request of the kernel. It is answered once, by one of the methods whose names begin with `answer`. */
export class FuseCall {
  readonly serving: Serving;
  readonly header: fuse_in_header;
  answered = false;
  /** Whether the caller was interrupted. */
  interrupted = false;
  /** The owner of the lock that the call waits for, in hexadecimal digits. */
  waitsAs: string | undefined;
  /** How many changes by others were told of before the call. */
  readonly #changes: number;
  #abort: AbortController | undefined;

  constructor(serving: Serving, header: fuse_in_header) {
    this.serving = serving;
    this.header = header;
    this.#changes = serving.invalidations.count;
  }

  /**
   * For how long the kernel may take what is answered for granted, where an option says `seconds`: not at all if others
   * have changed something meanwhile, as the kernel has been told to forget what it did not know yet.
   */
  valid(seconds: number): number {
    return this.serving.invalidations.count === this.#changes ? seconds : 0;
  }

  /** The inode that the request is about. @throws {FsError} ESTALE */
  get inode(): Inode {
    return this.inodeOf(this.header.nodeid);
  }

  /** @throws {FsError} ESTALE: the kernel was told of no such node, or has forgotten it */
  inodeOf(nodeid: number): Inode {
    const inode = this.serving.nodes.inodeOf(nodeid);
    if (inode === undefined) throw new FsError('ESTALE', 'no such node');
    return inode;
  }

  /**
   * Asks the graph for the object of the request, and of the `other` node in it, as far as they are known from a graph
   * before this one only. `undefined`: there is nothing to ask.
   */
  findNodes(other?: number): Promise<unknown> | undefined {
    const { nodes, volume } = this.serving;
    const { nodeid } = this.header;
    const first = nodes.isUnfound(nodeid);
    const second = other !== undefined && nodes.isUnfound(other);
    if (!first && !second) return undefined;
    const find = (id: number) => nodes.find(id, volume.top, OWN);
    return Promise.all([first && find(nodeid), second && find(other!)]);
  }

  /** Takes the call back without an answer, to be carried out anew; what it waits for ends. */
  withdraw(): void {
    this.#isFirst();
    this.interrupt();
  }

  /** The caller with all its groups, for what the graph decides by the caller's rights. */
  get frame(): Frame {
    const { uid, gid, pid } = this.header;
    return { identity: this.serving.callers.of(uid, gid, pid), client: '', signal: NEVER, pid };
  }

  /** The caller without its groups, for what is open already and needs no more rights. */
  get openFrame(): Frame {
    const { uid, gid, pid } = this.header;
    return { identity: identityOf(uid, gid), client: '', signal: NEVER, pid };
  }

  /** The caller as the owner of locks. With `waits` an interrupt ends the waiting. */
  lockFrame(owner: bigint, waits = false): Frame {
    const lkOwner = ownerBytes(owner);
    if (waits) {
      this.#abort ??= new AbortController();
      this.waitsAs = lkOwner.toString('hex');
    }
    return { ...this.openFrame, lkOwner, ...(this.#abort && { signal: this.#abort.signal }) };
  }

  /** The caller was interrupted: what waits for a lock fails. */
  interrupt(): void {
    this.interrupted = true;
    this.#abort?.abort();
  }

  /** False if the kernel no longer wants the answer, since the caller was killed. */
  answer<T>(codec: Struct<T>, value: T): boolean {
    return this.#isFirst() && this.serving.device.answer(this.header.unique, codec, value);
  }

  /** Answers with what `fill` writes, see {@link Device.answerFilled}. */
  answerFilled(fill: (reply: Buffer, at: number) => number): boolean {
    return this.#isFirst() && this.serving.device.answerFilled(this.header.unique, fill);
  }

  answerBytes(data: Buffer): boolean {
    return this.#isFirst() && this.serving.device.answerBytes(this.header.unique, data);
  }

  /** Answers with nothing but success or, if there is a `number`, with that errno. */
  answerNothing(number = 0): boolean {
    return this.#isFirst() && this.serving.device.answerNothing(this.header.unique, number);
  }

  #isFirst(): boolean {
    if (this.answered) return false;
    this.answered = true;
    this.serving.answered(this);
    return true;
  }
}
