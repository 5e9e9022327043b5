import { type Errno, errnoOf } from '../../../errno.ts';
import type { Frame } from '../../../graph/frame.ts';
import type { Inode } from '../../../graph/inode.ts';
import type { Xlator } from '../../../graph/xlator.ts';
import { type Children, has, only } from './children.ts';
import { type Known, knownOf } from './known.ts';
import type { Lookups } from './lookups.ts';
import type { Replicas } from './replicas.ts';

/** Errors that another child would give as well. */
const SAME_EVERYWHERE: ReadonlySet<Errno> = new Set<Errno>([
  'EACCES',
  'EPERM',
  'EINVAL',
  'EISDIR',
  'ENOTDIR',
  'ENODATA',
  'ENXIO',
  'EOPNOTSUPP',
  'ENAMETOOLONG',
  'EOVERFLOW',
  'ERANGE',
  'EBADF',
]);

/** Whether another child would give the same error. */
export const isSameEverywhere = (code: Errno): boolean => SAME_EVERYWHERE.has(code);

/** What is read: contents, attributes without the size, or all attributes. */
export type What = 'data' | 'metadata' | 'attributes';

const setOf = ({ data, metadata }: Known, what: What): Children => {
  if (what !== 'attributes') return what === 'data' ? data : metadata;
  return (data & metadata) === 0 ? metadata : data & metadata;
};

/** Reads from one child that is blamed by no other, and from the next one if that fails. */
export class Reads {
  readonly #replicas: Replicas;
  readonly #lookups: Lookups;

  constructor(replicas: Replicas, lookups: Lookups) {
    this.#replicas = replicas;
    this.#lookups = lookups;
  }

  async read<R>(frame: Frame, inode: Inode, what: What, call: (child: Xlator, i: number) => Promise<R>): Promise<R> {
    const replicas = this.#replicas;
    replicas.checkQuorum();
    const { generation } = replicas;
    const failed: { error: unknown; children: Children } = { error: undefined, children: 0 };
    for (;;) {
      const readable =
        (this.readable(inode, what) ?? setOf(await this.#lookups.known(frame, inode), what)) & replicas.up;
      const at = replicas.preferred(readable & ~failed.children, inode.gfid);
      if (at < 0) throw failed.error ?? this.#lookups.unreadable(inode.gfid, what === 'data' ? 'data' : 'attributes');
      try {
        return await call(replicas.children[at]!, at);
      } catch (error) {
        const code = errnoOf(error);
        if (code === undefined || isSameEverywhere(code)) throw error;
        failed.error = error;
        failed.children |= only(at);
      }
      if (generation !== replicas.generation) replicas.checkQuorum();
    }
  }

  /** Whether the contents can be read from this child at present. @throws {FsError} ENOTCONN: there is no quorum */
  async canRead(frame: Frame, inode: Inode, at: number): Promise<boolean> {
    const replicas = this.#replicas;
    replicas.checkQuorum();
    const readable = this.readable(inode, 'data') ?? (await this.#lookups.known(frame, inode)).data;
    return has(readable & replicas.up, at);
  }

  /**
   * The children whose answers to a change tell how the object is after it, since they lack nothing before. None, if that
   * cannot be found out: the change itself then fails, or there is no better answer. It is asked before the change, as a
   * child may be healed between its answer and the question.
   */
  trusted(frame: Frame, inode: Inode, what: What = 'attributes'): Children | Promise<Children> {
    return this.readable(inode, what) ?? this.#askTrusted(frame, inode, what);
  }

  async #askTrusted(frame: Frame, inode: Inode, what: What): Promise<Children> {
    try {
      return setOf(await this.#lookups.known(frame, inode), what);
    } catch (error) {
      if (errnoOf(error) === undefined) throw error;
      return 0;
    }
  }

  /** The children that can be read without asking them all first; undefined if that is not known. */
  readable(inode: Inode, what: What): Children | undefined {
    const known = knownOf(this.#replicas, inode);
    if (known !== undefined) return setOf(known, what);
    const clean = this.#replicas.clean & this.#replicas.up;
    return clean === 0 ? undefined : clean;
  }
}
