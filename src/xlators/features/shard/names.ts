import { O_TRUNC } from '../../../sys/constants.ts';
import { FsError } from '../../../errno.ts';
import type { GraphEvent } from '../../../graph/event.ts';
import type { CreateHow, Dirent, DirList, Fops, Made, Xdata, Args } from '../../../graph/fops.ts';
import type { Frame } from '../../../graph/frame.ts';
import { ROOT_GFID } from '../../../graph/gfid.ts';
import { FileType, type Iatt } from '../../../graph/iatt.ts';
import type { Fd, Inode } from '../../../graph/inode.ts';
import { integer, live, size } from '../../../graph/options.ts';
import { type DumpValues, Xlator, type XlatorConfig } from '../../../graph/xlator.ts';
import { shown } from './base.ts';
import { Bases } from './bases.ts';
import { Blocks, inodeOf } from './blocks.ts';
import { Data } from './data.ts';
import { answered, asking, BLOCK_SIZE_KEY, blockSizeValue, FILE_SIZE_KEY, SHARD_DIR, sizeValue } from './layout.ts';
import { Removal } from './removal.ts';
import { Truncation } from './truncate.ts';

const MiB = 2 ** 20;

const options = {
  'shard-block-size': live(
    size(
      { default: 64 * MiB, min: 4096, max: 4 * 2 ** 40 },
      'Files that are made from now on consist of blocks of this size. GlusterFS sets no less than 4MB.',
    ),
  ),
  'shard-lru-limit': live(
    integer(
      { default: 16_384, min: 20, max: 2 ** 31 - 1 },
      'So many blocks are remembered, so that they need not be looked up.',
    ),
  ),
  'shard-deletion-rate': live(
    integer(
      { default: 100, min: 100, max: 2 ** 31 - 1 },
      'So many blocks of removed files are removed at the same time.',
    ),
  ),
};

/** The names of objects and their attributes: the part of features/shard in which the sizes of files are learned. */
export abstract class ShardNames extends Xlator<typeof options> {
  static readonly options = options;

  protected readonly below: Xlator;
  protected readonly bases: Bases;
  protected readonly blocks: Blocks;
  protected readonly data: Data;
  protected readonly truncation: Truncation;
  readonly #removal: Removal;

  constructor(config: XlatorConfig<typeof options>) {
    super(config);
    const below = config.children[0]!;
    this.below = below;
    this.bases = new Bases(below);
    this.blocks = new Blocks(below, () => this.options['shard-lru-limit']);
    this.data = new Data(below, this.bases, this.blocks);
    this.truncation = new Truncation(below, this.bases, this.blocks, this.data);
    this.#removal = new Removal(below, this.bases, this.blocks, this.truncation, {
      domain: this.name,
      rate: () => this.options['shard-deletion-rate'],
      failed: error =>
        this.log.warn({ err: error }, 'blocks of removed files are left; the next removal or start tries again'),
    });
  }

  override async fini(): Promise<void> {
    await this.bases.settle();
    await this.#removal.stop();
  }

  override notify(event: GraphEvent, from?: Xlator): void {
    if (event.kind === 'child-up') this.#removal.sweep(); // a client that has ended may have left some
    if (event.kind === 'upcall' && event.about === 'changed') this.bases.doubt(event.gfid);
    super.notify(event, from);
  }

  override forget(inode: Inode): void {
    this.bases.forget(inode.gfid);
  }

  override dump(): DumpValues {
    return { files: this.bases.count, blocks: this.blocks.count };
  }

  override async lookup(...[frame, parent, name, xdata]: Args<'lookup'>): ReturnType<Fops['lookup']> {
    this.#refuse(parent, name);
    const mark = this.bases.mark();
    const found = await this.below.lookup(frame, parent, name, asking(xdata));
    return answered({ ...found, iatt: this.learned(found.iatt, found.xdata, mark) }, xdata);
  }

  override async discover(...[frame, gfid, hint, xdata]: Args<'discover'>): ReturnType<Fops['discover']> {
    const mark = this.bases.mark();
    const found = await this.below.discover(frame, gfid, hint, asking(xdata));
    return answered({ ...found, iatt: this.learned(found.iatt, found.xdata, mark) }, xdata);
  }

  override async stat(...[frame, inode, xdata]: Args<'stat'>): ReturnType<Fops['stat']> {
    if (inode.type !== FileType.REG) return this.below.stat(frame, inode, xdata);
    const mark = this.bases.mark();
    const iatt = await this.below.stat(frame, inode, asking(xdata));
    return answered(this.learned(iatt, iatt.xdata, mark, inode), xdata);
  }

  override async fstat(...[frame, fd, xdata]: Args<'fstat'>): ReturnType<Fops['fstat']> {
    if (fd.inode.type !== FileType.REG) return this.below.fstat(frame, fd, xdata);
    const mark = this.bases.mark();
    const iatt = await this.below.fstat(frame, fd, asking(xdata));
    return answered(this.learned(iatt, iatt.xdata, mark, fd.inode), xdata);
  }

  override async access(...args: Args<'access'>): ReturnType<Fops['access']> {
    const reply = await this.below.access(...args);
    return reply.iatt === undefined ? reply : { ...reply, iatt: this.shown(reply.iatt) };
  }

  override async readdirp(...[frame, fd, bytes, cookie, xdata]: Args<'readdirp'>): ReturnType<Fops['readdirp']> {
    const mark = this.bases.mark();
    const words = asking(xdata);
    const list = await this.#listed(fd, cookie, at => this.below.readdirp(frame, fd, bytes, at, words));
    const entries = list.entries.map((entry): Dirent => {
      if (entry.iatt?.type !== FileType.REG) return answered(entry, xdata);
      const iatt = this.learned(entry.iatt, entry.xdata, mark);
      return answered(iatt === entry.iatt ? entry : { ...entry, iatt }, xdata);
    });
    return { ...list, entries };
  }

  override readdir(...[frame, fd, bytes, cookie, xdata]: Args<'readdir'>): ReturnType<Fops['readdir']> {
    return this.#listed(fd, cookie, at => this.below.readdir(frame, fd, bytes, at, xdata));
  }

  override async mknod(...[frame, parent, name, type, attr, device, xdata]: Args<'mknod'>): Promise<Made> {
    this.#refuse(parent, name);
    if (type !== FileType.REG) return this.below.mknod(frame, parent, name, type, attr, device, xdata);
    const blockSize = this.options['shard-block-size'];
    const made = await this.below.mknod(frame, parent, name, type, attr, device, sharding(blockSize, xdata));
    this.bases.made(made.iatt, blockSize);
    return made;
  }

  override async create(...[frame, parent, name, how, flags, xdata]: Args<'create'>): Promise<Made> {
    this.#refuse(parent, name);
    const blockSize = this.options['shard-block-size'];
    const words = sharding(blockSize, xdata);
    const cuts = cutsOf(how, flags);
    const below = cuts === undefined || flags === undefined ? flags : flags & ~O_TRUNC;
    const made = await this.below.create(frame, parent, name, withoutSize(how), below, words);
    if (how.mode === 'guarded') {
      this.bases.made(made.iatt, blockSize);
      return made;
    }
    // The file may have been there: then it has a block size of its own, or none.
    const inode = inodeOf(made.iatt);
    if (inode.type !== FileType.REG) return made;
    const base = await this.bases.ask(frame, inode);
    if (cuts !== undefined && base.size !== cuts) await this.truncate(frame, inode, cuts);
    return { ...made, iatt: { ...this.shown(base.iatt!), ...(made.iatt.notes && { notes: made.iatt.notes }) } };
  }

  override async mkdir(...args: Args<'mkdir'>): Promise<Made> {
    this.#refuse(args[1], args[2]);
    return this.below.mkdir(...args);
  }

  override async symlink(...args: Args<'symlink'>): Promise<Made> {
    this.#refuse(args[1], args[2]);
    return this.below.symlink(...args);
  }

  override async link(...[frame, inode, parent, name, xdata]: Args<'link'>): Promise<Made> {
    this.#refuse(parent, name);
    if (inode.type === FileType.REG) await this.bases.known(frame, inode);
    const made = await this.below.link(frame, inode, parent, name, xdata);
    return { ...made, iatt: this.shown(made.iatt) };
  }

  override async unlink(...args: Args<'unlink'>): ReturnType<Fops['unlink']> {
    const [frame, parent, name] = args;
    this.#refuse(parent, name);
    const unlink = () => this.below.unlink(...args);
    return this.#removing(frame, parent, name, unlink);
  }

  override async rmdir(...args: Args<'rmdir'>): ReturnType<Fops['rmdir']> {
    this.#refuse(args[1], args[2]);
    return this.below.rmdir(...args);
  }

  override async rename(...args: Args<'rename'>): ReturnType<Fops['rename']> {
    const [frame, from, fromName, to, toName, flags = 0] = args;
    this.#refuse(from, fromName);
    this.#refuse(to, toName);
    const rename = () => this.below.rename(...args);
    // With any flag nothing is replaced.
    return flags === 0 ? this.#removing(frame, to, toName, rename, { from, fromName }) : rename();
  }

  /** Removes a name by `remove`, and with the last name of a file its blocks. */
  async #removing<T>(
    frame: Frame,
    parent: Inode,
    name: string,
    remove: () => Promise<T>,
    source?: { readonly from: Inode; readonly fromName: string },
  ): Promise<T> {
    const mark = this.bases.mark();
    let found: Awaited<ReturnType<Fops['lookup']>>;
    try {
      found = await this.below.lookup(frame, parent, name, asking(undefined));
    } catch {
      return remove(); // it finds what is wrong
    }
    if (found.iatt.type !== FileType.REG || found.iatt.nlink > 1) return remove();
    if (source !== undefined && source.from.gfid.equals(parent.gfid) && source.fromName === name) return remove();
    return this.#removal.remove(frame, found, mark, remove);
  }

  /** The directory of blocks is no caller's affair. */
  #refuse(parent: Inode, name: string): void {
    if (name === SHARD_DIR.name && parent.gfid.equals(ROOT_GFID))
      throw new FsError('EPERM', `${name} is GlusterFS's own`);
  }

  /** A listing without the directory of blocks. */
  async #listed(fd: Fd, cookie: bigint, list: (at: bigint) => Promise<DirList>): Promise<DirList> {
    const reply = await list(cookie);
    if (!fd.inode.gfid.equals(ROOT_GFID)) return reply;
    const hidden = reply.entries.find(({ name }) => name === SHARD_DIR.name);
    if (hidden === undefined) return reply;
    const entries = reply.entries.filter(entry => entry !== hidden);
    return entries.length > 0 || reply.eof ? { ...reply, entries } : this.#listed(fd, hidden.cookie, list);
  }

  /** Learns from attributes, and returns them as clients see them. */
  protected learned<I extends Iatt>(iatt: I, xdata: Xdata | undefined, mark: number, inode?: Inode): I {
    const base = this.bases.learn(iatt, xdata, mark, inode);
    return base === undefined || base.blockSize === 0 ? iatt : (shown(base, iatt) as I);
  }

  protected shown(iatt: Iatt): Iatt {
    const base = iatt.type === FileType.REG ? this.bases.find(iatt.gfid) : undefined;
    return base === undefined || base.blockSize === 0 ? iatt : shown(base, iatt);
  }
}

/** The words by which a new file gets its block size. */
const sharding = (blockSize: number, xdata: Xdata | undefined): Xdata =>
  new Map([...(xdata ?? []), [BLOCK_SIZE_KEY, blockSizeValue(blockSize)], [FILE_SIZE_KEY, sizeValue(0, 0)]]);

/** To which size a creation cuts a file that was there. */
const cutsOf = (how: CreateHow, flags: number | undefined): number | undefined =>
  how.mode === 'unchecked' && how.attr.size !== undefined
    ? how.attr.size
    : ((flags ?? 0) & O_TRUNC) === 0
      ? undefined
      : 0;

const withoutSize = (how: CreateHow): CreateHow => {
  if (how.mode === 'exclusive' || how.attr.size === undefined) return how;
  const { size: _size, ...attr } = how.attr;
  return { ...how, attr };
};
