/** A mount's connection with the kernel: its beginning (INIT), and the requests that follow. */
import { FuseMessageError } from '#protocols/fuse/codec.ts';
import { InitFlag, KERNEL_VERSION, MINOR_MIN, Opcode } from '#protocols/fuse/constants.ts';
import { fuse_in_header, fuse_init_in, fuse_init_out } from '#protocols/fuse/header.ts';
import { type Errno, ERRNO, errnoOf, FsError } from '../../../errno.ts';
import type { DumpValues } from '../../../graph/xlator.ts';
import { within } from '../../../within.ts';
import { Callers } from './callers.ts';
import { Device, IO_BYTES_MAX } from './device.ts';
import type { FuseActor, FuseActors } from './fuse-actor.ts';
import { moveOpen } from './exchange.ts';
import { FuseCall, type Serving } from './fuse-call.ts';
import { type Below, leave, servingOf } from './serving.ts';

const PAGE_BYTES = 4096;
/** Of requests whose arguments are views, those with more bytes than this keep their buffer; what is shorter is copied. */
const COPIED_MAX = 32 * 1024;
/** How long the graph may take to answer a caller that was interrupted. */
const INTERRUPTED_MS = 1000;
/** How long the calls in a graph may take to finish before another one takes over. They fail then. */
const LEAVE_MS = 30_000;
/** How long it may take to open and lock in another graph what is open and locked. The rest is lost then. */
const MOVE_MS = 30_000;
/** How many owners are remembered that have given up waiting for locks. */
const GAVE_UP_MAX = 4096;

export interface SessionOptions extends Below {
  readonly fd: number;
  readonly actors: FuseActors;
}

/** An operation that waits for others, and how it is carried out. */
interface Waiting {
  readonly actor: FuseActor;
  readonly args: unknown;
}

/** The errors that Linux knows but no program; the kernel refuses numbers of 512 and above. */
const KNOWN_AS: Partial<Record<Errno, Errno>> = {
  EJUKEBOX: 'EAGAIN',
  ENOTSUPP: 'EOPNOTSUPP',
  EBADHANDLE: 'ESTALE',
};

export class Session {
  #serving: Serving;
  /** Resolves when the kernel has been told how to speak. Rejects if it speaks no version that is known here. */
  readonly begun: Promise<void>;
  /** Resolves when the mount is gone. */
  readonly ended: Promise<void>;
  readonly #actors: FuseActors;
  #below: Below;
  readonly #waiting = new Map<FuseCall, Waiting>();
  /** The owners who have given up waiting for locks in the present graph: a brick may still give them. */
  readonly #gaveUp = new Set<string>();
  /** Called when no call is under way any more. */
  #idle: (() => void) | undefined;
  #isOver = false;
  readonly #begun = Promise.withResolvers<void>();
  readonly #ended = Promise.withResolvers<void>();

  constructor(session: SessionOptions) {
    this.#below = session;
    this.#actors = session.actors;
    this.begun = this.#begun.promise;
    this.ended = this.#ended.promise;
    this.begun.catch(() => {});
    this.ended.catch(() => {});
    const device = new Device(session.fd, {
      request: (header, bytes, length) => this.#take(header, bytes, length),
      ended: error => this.#end(error),
    });
    this.#serving = servingOf(session, {
      device,
      callers: new Callers(),
      active: new Map(),
      answered: call => this.#answered(call),
      interrupt: unique => this.#interrupt(unique),
    });
    device.start();
  }

  get serving(): Serving {
    return this.#serving;
  }

  /**
   * Goes on with another graph. Requests wait meanwhile; calls under way are answered by the graph that they began in, and
   * what waits for a lock waits for it in the new one. When `ending` is aborted, nothing is waited for any longer.
   */
  async exchange(below: Below, ending: AbortSignal): Promise<void> {
    const before = this.#serving;
    before.device.pause();
    const waiting = [...this.#waiting].filter(([{ interrupted }]) => !interrupted); // the others are about to end
    for (const [call] of waiting) {
      call.withdraw();
      this.#givesUp(call);
    }
    try {
      await this.#quiet(ending);
      const next = servingOf(below, before, before);
      const over = AbortSignal.any([ending, AbortSignal.timeout(MOVE_MS)]);
      await moveOpen(before, next, { gaveUp: this.#gaveUp, over, log: below.log });
      this.#gaveUp.clear();
      leave(this.#below, before);
      this.#below = below;
      this.#serving = next;
      if (this.#isOver) leave(below, next);
      else next.invalidations.everythingChanged();
    } finally {
      if (!this.#isOver) for (const [{ header }, { actor, args }] of waiting) this.#again(actor, header, args);
      before.device.start();
    }
  }

  /** Resolves when all calls are answered. Those that take too long fail. */
  async #quiet(ending: AbortSignal): Promise<void> {
    const { active } = this.#serving;
    if (active.size === 0) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const hurry = () => resolve();
    this.#idle = resolve;
    ending.addEventListener('abort', hurry);
    if (!ending.aborted) await within(LEAVE_MS, promise);
    ending.removeEventListener('abort', hurry);
    this.#idle = undefined;
    if (active.size === 0) return;
    this.#below.log.warn(`${active.size} calls did not finish in the former graph in time; they fail`);
    for (const call of active.values()) {
      call.interrupt();
      call.answerNothing(ERRNO.EIO);
    }
  }

  /** What a state dump shows of the mount: how much the kernel knows of, has open, and waits for. */
  dump(): DumpValues {
    const { nodes, files, active } = this.#serving;
    return { nodes: nodes.count, 'open-files': files.count, 'calls-under-way': active.size };
  }

  /** Ends the connection without an unmount: from then on callers get ENOTCONN. */
  async close(): Promise<void> {
    this.#end();
    await this.#serving.device.close();
  }

  #end(error?: Error): void {
    this.#isOver = true;
    for (const call of this.#serving.active.values()) {
      call.interrupt();
      call.answerNothing(ERRNO.ENOTCONN);
    }
    leave(this.#below, this.#serving);
    this.#begun.reject(error ?? new Error('it was unmounted at once'));
    if (error === undefined) this.#ended.resolve();
    else this.#ended.reject(error);
  }

  #take(header: fuse_in_header, bytes: Buffer, length: number): void {
    const { opcode, unique } = header;
    if (opcode === Opcode.INIT) {
      this.#init(header, bytes, length);
      return;
    }
    const call = new FuseCall(this.#serving, header);
    const actor = this.#actors[opcode];
    if (actor === undefined) {
      call.answerNothing(ERRNO.ENOSYS);
      return;
    }
    if (actor.silent !== true) this.#serving.active.set(unique, call);
    this.#run(actor, call, bytes, length);
  }

  #run(actor: FuseActor, call: FuseCall, bytes: Buffer, length: number): void {
    const { size } = fuse_in_header;
    let done: Promise<void> | void;
    try {
      if (call.header.len !== length)
        throw new FuseMessageError(`${length} bytes where ${call.header.len} are announced`);
      const needsGraph = actor.silent !== true && actor.closes !== true;
      if (needsGraph && !this.#below.subvolume.up) throw new FsError('ENOTCONN', 'the volume is down');
      const views = actor.args.views;
      const kept = views && length <= COPIED_MAX ? Buffer.from(bytes.subarray(size, length)) : undefined;
      const args: unknown =
        kept === undefined ? actor.args.decode(bytes, size, length) : actor.args.decode(kept, 0, kept.length);
      done = this.#start(actor, call, args);
      if (done === undefined) return;
      const back = views && kept === undefined ? this.#serving.device.lend() : undefined;
      done.then(back, (error: unknown) => {
        back?.();
        this.#fail(actor, call, error);
      });
    } catch (error) {
      this.#fail(actor, call, error);
    }
  }

  #start(actor: FuseActor, call: FuseCall, args: unknown): Promise<void> | void {
    if (actor.waits === true) this.#waiting.set(call, { actor, args });
    return actor.run(call, args);
  }

  /** Carries out anew what has waited in another graph. */
  #again(actor: FuseActor, header: fuse_in_header, args: unknown): void {
    const call = new FuseCall(this.#serving, header);
    this.#serving.active.set(header.unique, call);
    void (async () => this.#start(actor, call, args))().catch((error: unknown) => this.#fail(actor, call, error));
  }

  #answered(call: FuseCall): void {
    const { active } = this.#serving;
    active.delete(call.header.unique);
    this.#waiting.delete(call);
    if (active.size === 0) this.#idle?.();
  }

  #fail({ name, silent }: FuseActor, call: FuseCall, error: unknown): void {
    const { unique, pid } = call.header;
    const code = error instanceof FuseMessageError ? 'EINVAL' : errnoOf(error);
    if (code === undefined) {
      this.#below.log.error({ err: error, operation: name, unique, pid }, 'a bug: the caller gets EIO');
    }
    if (silent !== true) call.answerNothing(ERRNO[(code && KNOWN_AS[code]) ?? code ?? 'EIO']);
  }

  /** The caller of a request was interrupted. What changes nothing ends soon, whatever the graph does. */
  #interrupt(unique: number): void {
    const { active } = this.#serving;
    const call = active.get(unique);
    if (call === undefined) return;
    call.interrupt();
    this.#givesUp(call);
    if (this.#actors[call.header.opcode]?.changes === true) return;
    setTimeout(() => {
      if (active.get(unique) === call) call.answerNothing(ERRNO.EINTR);
    }, INTERRUPTED_MS).unref();
  }

  #givesUp({ waitsAs }: FuseCall): void {
    if (waitsAs === undefined) return;
    const [oldest] = this.#gaveUp;
    if (this.#gaveUp.size >= GAVE_UP_MAX) this.#gaveUp.delete(oldest!);
    this.#gaveUp.add(waitsAs);
  }

  #init({ unique, len }: fuse_in_header, bytes: Buffer, length: number): void {
    const { device } = this.#serving;
    const { options, locks } = this.#below;
    const { major, minor, max_readahead, flags } = fuse_init_in.decode(bytes, fuse_in_header.size, length);
    if (len !== length || major < KERNEL_VERSION.major || (major === KERNEL_VERSION.major && minor < MINOR_MIN)) {
      device.answerNothing(unique, ERRNO.EPROTO);
      const needed = `${KERNEL_VERSION.major}.${MINOR_MIN} (Linux 5.4)`;
      this.#begun.reject(new FsError('EPROTO', `the kernel speaks FUSE ${major}.${minor}, and ${needed} is needed`));
      return;
    }
    const wanted =
      InitFlag.ASYNC_READ |
      InitFlag.BIG_WRITES |
      InitFlag.AUTO_INVAL_DATA |
      InitFlag.PARALLEL_DIROPS |
      InitFlag.MAX_PAGES |
      InitFlag.HANDLE_KILLPRIV_V2 |
      (options['use-readdirp'] ? InitFlag.DO_READDIRPLUS | InitFlag.READDIRPLUS_AUTO : 0) |
      (options.acl ? InitFlag.POSIX_ACL | InitFlag.DONT_MASK : 0) |
      (locks ? InitFlag.POSIX_LOCKS | InitFlag.FLOCK_LOCKS : 0);
    const begins = device.answer(unique, fuse_init_out, {
      major: KERNEL_VERSION.major,
      minor: major > KERNEL_VERSION.major ? KERNEL_VERSION.minor : Math.min(minor, KERNEL_VERSION.minor),
      max_readahead,
      flags: (flags & wanted) >>> 0,
      max_background: options['background-qlen'],
      congestion_threshold: options['congestion-threshold'],
      max_write: IO_BYTES_MAX,
      time_gran: 1,
      max_pages: IO_BYTES_MAX / PAGE_BYTES,
      map_alignment: 0,
      flags2: 0,
    });
    // A kernel of a newer major version asks again, in this one.
    if (begins && major === KERNEL_VERSION.major) this.#begun.resolve();
  }
}
