/** The kernel's side of FUSE over a pair of sockets, which keep messages apart as /dev/fuse does. */
import { closeSync } from 'node:fs';
import type { Test } from 'tap';
import type { Message, Struct } from '#protocols/fuse/codec.ts';
import { Opcode } from '#protocols/fuse/constants.ts';
import { fuse_in_header, fuse_init_in, fuse_init_out, fuse_out_header } from '#protocols/fuse/header.ts';
import { fuse_entry_out, fuse_name_in } from '#protocols/fuse/object.ts';
import { fuseActors } from '#actors/fuse/program.ts';
import { type Errno, errnoCode } from '#src/errno.ts';
import { NEVER } from '#src/graph/own-frame.ts';
import { readOptions } from '#src/graph/options/read-options.ts';
import type { Xlator } from '#src/graph/xlator.ts';
import { silent } from '#src/log.ts';
import { Host } from '#src/master/host.ts';
import { Subvolume } from '#src/master/subvolume.ts';
import { WriteVerifiers } from '#src/master/write-verifiers.ts';
import { addressOf, declare, type Ptr, readAt, writeAt } from '#src/sys/libc.ts';
import { makeNonBlocking } from '#src/sys/sockets/descriptor-passing.ts';
import { whenReadable } from '#src/sys/sockets/sockets.ts';
import { type FuseOptions, OPTIONS } from '#src/xlators/mount/fuse/options.ts';
import { Session, type SessionOptions } from '#src/xlators/mount/fuse/session.ts';
import { volumeOf } from '../graph.ts';

const AF_UNIX = 1;
const SOCK_SEQPACKET = 5;
const BYTES_MAX = 256 * 1024;
const socketpair = declare<[family: number, type: number, protocol: number, into: Ptr]>(
  'int socketpair(int, int, int, void *)',
);

export interface Answer {
  /** The name of the errno; `undefined` if the request has succeeded. */
  readonly error: Errno | undefined;
  readonly body: Buffer;
}

/** The ids of a caller. */
export interface Caller {
  readonly uid?: number;
  readonly gid?: number;
  readonly pid?: number;
}

/** Options as a volfile has them, with the defaults for all others. */
function optionsOf(options: Readonly<Record<string, string>>): FuseOptions {
  const settings = Object.entries({ mountpoint: '/mnt', ...options });
  const where = 'test.vol:1';
  return readOptions(OPTIONS, {
    name: 'mount',
    type: 'mount/fuse',
    options: new Map(settings.map(([key, value]) => [key, { value, where }])),
    subvolumes: [],
    where,
    typeWhere: where,
  }).values;
}

/** The child of a master, which is up. */
async function subvolumeOf(top: Xlator): Promise<Subvolume> {
  const host = new Host({ verifiers: new WriteVerifiers(), programsOf: () => [] });
  const subvolume = await Subvolume.of(top, { host, log: silent, inodes: 100, stages: 1 });
  subvolume.notify({ kind: 'child-up' });
  await subvolume.ready();
  return subvolume;
}

export interface KernelOptions extends Partial<Pick<SessionOptions, 'locks' | 'log' | 'actors'>> {
  readonly options?: Readonly<Record<string, string>>;
}

export class Kernel {
  readonly session: Session;
  readonly subvolume: Subvolume;
  readonly #fd: number;
  readonly #memory = new ArrayBuffer(BYTES_MAX);
  readonly #bytes = Buffer.from(this.#memory);
  readonly #waiting = new Map<number, (answer: Answer) => void>();
  /** Messages that answer no request. */
  readonly unasked: Buffer[] = [];
  #unique = 2;

  private constructor(fd: number, session: Session, subvolume: Subvolume) {
    this.#fd = fd;
    this.session = session;
    this.subvolume = subvolume;
  }

  /** A session over a graph, which has begun unless `begins` is false. */
  static async over(t: Test, text: string, options: KernelOptions = {}, begins = true): Promise<Kernel> {
    const { graph, top } = await volumeOf(t, text);
    const kernel = await Kernel.#over(t, top, graph.xlators.size, options);
    if (begins) {
      const { error, body } = await kernel.init(7, 45);
      if (error !== undefined) throw new Error(error);
      kernel.begun = fuse_init_out.decode(body, 0);
      await kernel.session.begun;
    }
    return kernel;
  }

  /** The answer to INIT. */
  begun: fuse_init_out | undefined;

  /** Prepares another graph to take the place of the one that is served, and returns what makes it do so. */
  async exchanging(t: Test, text: string, options: KernelOptions = {}, ending = NEVER): Promise<() => Promise<void>> {
    const { graph, top } = await volumeOf(t, text);
    const subvolume = await subvolumeOf(top);
    const below = { subvolume, slot: graph.xlators.size, locks: false, log: silent, ...options };
    return () => this.session.exchange({ ...below, options: optionsOf(options.options ?? {}) }, ending);
  }

  static async #over(t: Test, top: Xlator, slot: number, options: KernelOptions): Promise<Kernel> {
    const subvolume = await subvolumeOf(top);
    const pair = Buffer.alloc(8);
    if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair) < 0) throw new Error('socketpair');
    const fd = pair.readInt32LE(0);
    const own = pair.readInt32LE(4);
    makeNonBlocking(fd);
    makeNonBlocking(own);
    const session = new Session({
      fd,
      subvolume,
      slot,
      locks: false,
      actors: fuseActors,
      log: silent,
      ...options,
      options: optionsOf(options.options ?? {}),
    });
    const kernel = new Kernel(own, session, subvolume);
    const unwatch = whenReadable(own, () => kernel.#read());
    t.teardown(async () => {
      await session.close();
      unwatch();
      closeSync(own);
    });
    return kernel;
  }

  init(major: number, minor: number): Promise<Answer> {
    return this.send(Opcode.INIT, 0, fuse_init_in, { major, minor, max_readahead: 0x20000, flags: 0xf7ff_ffff });
  }

  /** Sends a request and returns its answer. */
  send<T>(opcode: number, nodeid: number, message: Message<T>, args: T, caller: Caller = {}): Promise<Answer> {
    return this.sendBytes(opcode, nodeid, message.encode(args), caller);
  }

  /** Sends a request with these bytes behind its header, which says another length if there is one. */
  sendBytes(opcode: number, nodeid: number, bytes: Buffer, caller: Caller = {}, len?: number): Promise<Answer> {
    const answer = Promise.withResolvers<Answer>();
    this.#waiting.set(this.tell(opcode, nodeid, bytes, caller, len), answer.resolve);
    return answer.promise;
  }

  /** Sends what has no answer, and returns its number. */
  tell(opcode: number, nodeid: number, bytes: Buffer, caller: Caller = {}, len?: number): number {
    const unique = this.#unique;
    this.#unique += 2;
    const length = fuse_in_header.size + bytes.length;
    const { uid = 0, gid = 0, pid = process.pid } = caller;
    fuse_in_header.encode(this.#bytes, 0, {
      len: len ?? length,
      opcode,
      unique,
      nodeid,
      uid,
      gid,
      pid,
      total_extlen: 0,
    });
    bytes.copy(this.#bytes, fuse_in_header.size);
    if (writeAt(this.#fd, addressOf(this.#memory), length) < 0) throw new Error('write to the session');
    return unique;
  }

  /** Sends a request that succeeds, and returns what it is answered with. @throws {Error} it fails */
  async ask<T, R>(
    opcode: number,
    nodeid: number,
    message: Message<T>,
    args: T,
    codec: Struct<R>,
    caller: Caller = {},
  ): Promise<R> {
    const { error, body } = await this.send(opcode, nodeid, message, args, caller);
    if (error !== undefined) throw new Error(error);
    return codec.decode(body, 0);
  }

  lookup(parent: number, name: string, caller: Caller = {}): Promise<fuse_entry_out> {
    return this.ask(Opcode.LOOKUP, parent, fuse_name_in, { name }, fuse_entry_out, caller);
  }

  #read(): void {
    for (;;) {
      const length = readAt(this.#fd, addressOf(this.#memory), BYTES_MAX);
      if (length <= 0) return;
      const { len, error, unique } = fuse_out_header.decode(this.#bytes, 0);
      const body = Buffer.from(this.#bytes.subarray(fuse_out_header.size, length));
      const answer = this.#waiting.get(unique);
      this.#waiting.delete(unique);
      if (len !== length || answer === undefined) this.unasked.push(Buffer.from(this.#bytes.subarray(0, length)));
      else answer({ error: error === 0 ? undefined : errnoCode(-error), body });
    }
  }
}
