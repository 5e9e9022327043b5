/** `mount/fuse`: shows a volume as a directory of this machine. */
import type { DumpValues, XlatorConfig } from '../../../graph/xlator.ts';
import { Xlator } from '../../../graph/xlator.ts';
import { subtree } from '../../../graph/subtree.ts';
import { Master } from '../../../master/master.ts';
import type { Subvolume } from '../../../master/subvolume.ts';
import type { FuseHostParts } from './fuse-host.ts';
import { type KernelMount, mountInKernel } from './kernel-mount.ts';
import { OPTIONS } from './options.ts';
import { Session } from './session.ts';

/** How many inodes are remembered that the kernel has forgotten. */
const INODES = 4096;

export class MountFuse extends Master<typeof OPTIONS> {
  static readonly doc =
    'Mounts the volume below it on a directory of this machine. It is a top of the graph: the only one, which the command ' +
    'mount makes, or one beside nfs/server over the same volumes.';
  static override readonly children: readonly [number, number] = [1, 1];
  static readonly options = OPTIONS;

  readonly #fuseActors: FuseHostParts['fuseActors'];
  #mount: KernelMount | undefined;
  #session: Session | undefined;

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
    return this.#session!.ended;
  }

  protected override get inodes(): number {
    return INODES;
  }

  /** Mounts. Resolves when the kernel has agreed, so that the mount answers. @throws {Error} */
  async mount(): Promise<void> {
    const { options, log } = this;
    const [subvolume] = this.subvolumes.values() as Iterable<Subvolume>;
    if (subvolume === undefined) throw new Error('expected a mount/fuse that is initialised');
    const { top } = subvolume;
    const actors = await this.#fuseActors();
    this.#mount = await mountInKernel({ ...options, fsname: options.fsname ?? top.name });
    const locks = subtree(top).some(layer => layer.lk !== Xlator.prototype.lk);
    this.#session = new Session({ fd: this.#mount.fd, subvolume, slot: this.slot, options, locks, actors, log });
    this.#session.ended.catch(() => {}).finally(() => (this.#mount = undefined));
    try {
      await this.#session.begun;
    } catch (error) {
      await this.unmount();
      throw error;
    }
  }

  /** Takes the mount off its directory; it ends when no process uses it any more. @throws {Error} */
  async unmount(): Promise<void> {
    const mount = this.#mount;
    this.#mount = undefined; // whatever is mounted there from here on is another's
    await mount?.unmount();
  }

  override dump(): DumpValues {
    const session = this.#session;
    return { ...super.dump(), mountpoint: this.mountpoint, mounted: this.#mount !== undefined, ...session?.dump() };
  }

  /** Takes the mount away if it is still there. The calls of programs that use it fail from then on. */
  override async fini(): Promise<void> {
    try {
      await this.unmount();
    } finally {
      await this.#session?.close();
    }
    await super.fini();
  }
}
