/**
 * cluster/distribute: puts each file on one of several subvolumes, as GlusterFS does. The hash of a file's name tells on
 * which; directories are on all of them. Clients agree by extended attributes (`keys.ts`) and locks.
 */
import { NEVER } from '../../../graph/own-frame.ts';
import type { Fop, Flock, LockType, Made, NewAttr, Xattrs, Xdata } from '../../../graph/fops.ts';
import { ALL_FOPS } from '../../../graph/fops/arity.ts';
import type { Frame } from '../../../graph/frame.ts';
import { FileType } from '../../../graph/iatt.ts';
import { ROOT } from '../../../graph/identity.ts';
import type { Fd, Inode } from '../../../graph/inode.ts';
import { Xlator, type XlatorConfig, type XlatorSettings } from '../../../graph/xlator.ts';
import { Core } from './core.ts';
import { directoryOf, refresh } from './directories/refresh.ts';
import { byFd, byInode } from './files/where.ts';
import { LAYOUT } from './keys.ts';
import { encodeRange, HASH_MAX, rangeOf } from './layout/layout.ts';
import { ObjectFops } from './object-fops.ts';
import { foreign, options } from './options.ts';

/** For calls that no caller has asked for. */
const SELF: Frame = { identity: ROOT, client: 'distribute', signal: NEVER };

/** Over a single subvolume everything passes but this, which gives a directory its layout. */
const OVER_ONE: readonly Fop[] = ['mkdir'];

const ignore = (): void => {};

export class Distribute extends ObjectFops {
  static readonly doc: string = 'Spreads files over several subvolumes by the hashes of their names.';
  static readonly usesChildNames = true;
  static readonly options = options;
  static readonly foreign = foreign;
  protected readonly core: Core;
  #rootLayout: Promise<void> = Promise.resolve();

  constructor(config: XlatorConfig<typeof options>) {
    super(config);
    const { up, slot, log } = this;
    const preferred = (name: string, hashed: number) => this.preferred(name, hashed);
    this.core = new Core(this, { up, slot, log, settings: config.options, preferred });
    if (config.children.length > 1) return;
    for (const fop of ALL_FOPS) {
      if (!OVER_ONE.includes(fop)) Object.defineProperty(this, fop, { value: Xlator.prototype[fop] });
    }
  }

  /** The child for the data of a new file whose name belongs to `hashed`. */
  protected preferred(_name: string, hashed: number): number {
    return hashed;
  }

  override reconfigure(settings: XlatorSettings<typeof options>): () => void {
    const change = super.reconfigure(settings);
    return () => {
      change();
      this.core.reconfigure(settings.options);
    };
  }

  /** Over a single subvolume nothing else waits for the layout of the root. */
  override ready(): Promise<void> {
    return this.#rootLayout;
  }

  /** The files of the others are out of reach. */
  protected override enough(): boolean {
    return this.up.includes(true);
  }

  protected override childChanged(child: number): void {
    this.core.generation++;
    if (!this.up[child]) return;
    if (this.children.length > 1) this.core.askRooms(SELF);
    // The root of a new volume has no layout until a client writes one.
    else this.#rootLayout = refresh(this.core, SELF, this.core.root).then(ignore, ignore);
  }

  override mkdir(frame: Frame, parent: Inode, name: string, attr: NewAttr, xdata?: Xdata): Promise<Made> {
    if (this.children.length > 1) return super.mkdir(frame, parent, name, attr, xdata);
    const layout = encodeRange(rangeOf(0, HASH_MAX, this.core.volumeCommit ?? 0));
    return this.children[0]!.mkdir(frame, parent, name, attr, new Map([...(xdata ?? []), [LAYOUT, layout]]));
  }

  /** Locks and counters of a directory are kept by the child that all clients take for its first. */
  async #on<R>(frame: Frame, inode: Inode, call: (child: Xlator) => Promise<R>): Promise<R> {
    if (inode.type !== FileType.DIR) return byInode(this.core, frame, inode, call);
    const { layout } = await directoryOf(this.core, frame, inode);
    return call(this.core.at(layout.first));
  }

  override xattrop(frame: Frame, inode: Inode, op: 'add32' | 'add64', xattrs: Xattrs, xdata?: Xdata): Promise<Xattrs> {
    return this.#on(frame, inode, child => child.xattrop(frame, inode, op, xattrs, xdata));
  }

  override fxattrop(frame: Frame, fd: Fd, op: 'add32' | 'add64', xattrs: Xattrs, xdata?: Xdata): Promise<Xattrs> {
    return this.#on(frame, fd.inode, child => child.fxattrop(frame, fd, op, xattrs, xdata));
  }

  override inodelk(
    frame: Frame,
    domain: string,
    inode: Inode,
    lock: Flock,
    wait: boolean,
    xdata?: Xdata,
  ): Promise<void> {
    return this.#on(frame, inode, child => child.inodelk(frame, domain, inode, lock, wait, xdata));
  }

  override finodelk(frame: Frame, domain: string, fd: Fd, lock: Flock, wait: boolean, xdata?: Xdata): Promise<void> {
    return this.#on(frame, fd.inode, child => child.finodelk(frame, domain, fd, lock, wait, xdata));
  }

  override entrylk(
    frame: Frame,
    domain: string,
    inode: Inode,
    name: string | undefined,
    type: LockType,
    wait: boolean,
    xdata?: Xdata,
  ): Promise<void> {
    return this.#on(frame, inode, child => child.entrylk(frame, domain, inode, name, type, wait, xdata));
  }

  override fentrylk(
    frame: Frame,
    domain: string,
    fd: Fd,
    name: string | undefined,
    type: LockType,
    wait: boolean,
    xdata?: Xdata,
  ): Promise<void> {
    return this.#on(frame, fd.inode, child => child.fentrylk(frame, domain, fd, name, type, wait, xdata));
  }

  override lk(frame: Frame, fd: Fd, command: 'get' | 'set' | 'wait', lock: Flock, xdata?: Xdata): Promise<Flock> {
    return byFd(this.core, frame, fd, child => child.lk(frame, fd, command, lock, xdata));
  }
}
