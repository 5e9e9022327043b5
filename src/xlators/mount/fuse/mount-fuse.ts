/** `mount/fuse`: shows a volume as a directory of this machine. */
import { isDeepStrictEqual } from 'node:util';
import type { DumpValues, XlatorConfig } from '../../../graph/xlator.ts';
import { Xlator } from '../../../graph/xlator.ts';
import { subtree } from '../../../graph/subtree.ts';
import { Master } from '../../../master/master.ts';
import type { Subvolume } from '../../../master/subvolume.ts';
import type { FuseHostParts } from './fuse-host.ts';
import { type KernelMount, mountInKernel } from './kernel-mount.ts';
import { FIXED_OPTIONS, OPTIONS } from './options.ts';
import type { Below } from './serving.ts';
import { Session } from './session.ts';

/** How many inodes are remembered that the kernel has forgotten. */
const INODES = 4096;

/** Whether a layer's class has a `lk` of its own; a layer that is watched has one that calls it (`watched.ts`). */
const hasLocks = (layer: Xlator): boolean => (Object.getPrototypeOf(layer) as Xlator).lk !== Xlator.prototype.lk;

/** A mount, which one graph hands over to the next. */
interface Mounted {
  readonly session: Session;
  /** `undefined` when it was taken off its directory. */
  mount: KernelMount | undefined;
}

export class MountFuse extends Master<typeof OPTIONS> {
  static readonly doc =
    'Mounts the volume below it on a directory of this machine. It is a top of the graph: the only one, which the command ' +
    'mount makes, or one beside nfs/server over the same volumes.';
  static override readonly children: readonly [number, number] = [1, 1];
  static readonly options = OPTIONS;

  readonly #fuseActors: FuseHostParts['fuseActors'];
  #mounted: Mounted | undefined;

  constructor(config: XlatorConfig<typeof OPTIONS>) {
    super(config);
    const { fuseActors } = this.host as Partial<FuseHostParts>;
    if (fuseActors === undefined) throw new Error('expected a host that has the actors of FUSE');
    this.#fuseActors = fuseActors;
  }

  get mountpoint(): string {
    return this.options.mountpoint;
  }

  /** Resolves when the mount is gone. Rejects if the kernel has ended it. */
  get ended(): Promise<void> {
    return this.#mounted!.session.ended;
  }

  protected override get inodes(): number {
    return INODES;
  }

  get #below(): Below {
    const [subvolume] = this.subvolumes.values() as Iterable<Subvolume>;
    if (subvolume === undefined) throw new Error('expected a mount/fuse that is initialised');
    const { options, log, slot } = this;
    const locks = subtree(subvolume.top).some(hasLocks);
    return { subvolume, slot, options, locks, log };
  }

  /** Mounts. Resolves when the kernel has agreed, so that the mount answers. @throws {Error} */
  async mount(): Promise<void> {
    const below = this.#below;
    const { options } = this;
    const actors = await this.#fuseActors();
    const mount = await mountInKernel({ ...options, fsname: options.fsname ?? below.subvolume.name });
    const mounted: Mounted = { mount, session: new Session({ ...below, fd: mount.fd, actors }) };
    this.#mounted = mounted;
    mounted.session.ended.catch(() => {}).finally(() => (mounted.mount = undefined));
    try {
      await mounted.session.begun;
    } catch (error) {
      await this.unmount();
      throw error;
    }
  }

  /** Why {@link takeOver} is not possible; `undefined` if it is. */
  refusal(from: MountFuse): string | undefined {
    const [own, other] = [this.#below, from.#below];
    const [tree, before] = [own.subvolume.volume.tree, other.subvolume.volume.tree];
    if (tree !== undefined && before !== undefined && !tree.equals(before)) return 'another volume is to be mounted';
    if (own.locks !== other.locks) return 'locks are to be kept elsewhere than before';
    const fixed = FIXED_OPTIONS.find(name => !isDeepStrictEqual(own.options[name], other.options[name]));
    if (fixed !== undefined) return `the kernel is told of option ${fixed} once`;
    return undefined;
  }

  /**
   * Goes on with the mount of the graph before this one, which has no mount from now on. Resolves when nothing of that
   * graph is used any more. When `ending` is aborted, the mount is to end, and nothing is waited for.
   */
  async takeOver(from: MountFuse, ending: AbortSignal): Promise<void> {
    this.#mounted = from.#mounted;
    from.#mounted = undefined;
    await this.#mounted?.session.exchange(this.#below, ending);
  }

  /** Takes the mount off its directory; it ends when no process uses it any more. @throws {Error} */
  async unmount(): Promise<void> {
    const mounted = this.#mounted;
    const mount = mounted?.mount;
    if (mounted !== undefined) mounted.mount = undefined; // whatever is mounted there from here on is another's
    await mount?.unmount();
  }

  override dump(): DumpValues {
    const { mount, session } = this.#mounted ?? {};
    return { ...super.dump(), mountpoint: this.mountpoint, mounted: mount !== undefined, ...session?.dump() };
  }

  /** Takes the mount away if it is still there. The calls of programs that use it fail from then on. */
  override async fini(): Promise<void> {
    try {
      await this.unmount();
    } finally {
      await this.#mounted?.session.close();
    }
    await super.fini();
  }
}
