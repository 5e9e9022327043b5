/** The part of the brick in memory that handles names and open files. */
import { FsError } from '#src/errno.ts';
import type { Fd, Inode } from '#src/graph/inode.ts';
import type {
  AccessReply,
  CreateHow,
  Device,
  Found,
  Made,
  NewAttr,
  Opened,
  ReadlinkReply,
  Removed,
  Renamed,
  StatReply,
  Xdata,
} from '#src/graph/fops.ts';
import type { Frame } from '#src/graph/frame.ts';
import { FileType } from '#src/graph/iatt.ts';
import { text } from '#src/graph/options.ts';
import { type DumpValues, Xlator } from '#src/graph/xlator.ts';
import { O_EXCL, O_RDONLY, O_TRUNC } from '#src/sys/constants.ts';
import { answering, isLinkto } from './answers.ts';
import { make } from './make.ts';
import { iattOf, type Node } from './node.ts';
import { rename } from './rename.ts';
import { granted, mayChange, mayOpen, O_ACCMODE } from './rights.ts';
import { failed, Store, Tree } from './tree.ts';

const options = {
  files: text({ default: '' }, 'Empty files that are there from the start, separated by spaces.'),
  store: text(
    { default: '' },
    'All xlators with the same name here are clients of one brick. By default each has its own.',
  ),
};

/** The bricks that have a name. */
const STORES = new Map<string, Store>();

function storeOf(name: string): Store {
  const store = STORES.get(name) ?? new Store();
  if (name !== '') STORES.set(name, store);
  return store;
}

const DEFAULT_MODES = { dir: 0o755, file: 0o644, link: 0o777 };

/** What the slot of an fd holds. */
interface OpenFile {
  readonly flags: number;
  readonly node: Node;
}

/** The names of the objects in memory: lookups, creation, opening, removal and changes. */
export abstract class Objects extends Xlator<typeof options> {
  static readonly options = options;
  readonly tree = new Tree(this.slot, storeOf(this.options.store));
  readonly #open = new Set<OpenFile>();
  #forgotten = 0;

  override async init(): Promise<void> {
    const names = this.options.files.split(' ').filter(name => name !== '' && !this.tree.root.entries.has(name));
    for (const name of names) {
      this.tree.enter(this.tree.root, name, this.tree.add(FileType.REG, DEFAULT_MODES.file));
    }
  }

  override forget(inode: Inode): void {
    if (inode.slots[this.slot] !== undefined) this.#forgotten++;
    inode.slots[this.slot] = undefined;
  }

  override release(fd: Fd): void {
    const file = fd.slots[this.slot] as OpenFile | undefined;
    if (file !== undefined && this.#open.delete(file)) file.node.opens--;
    fd.slots[this.slot] = undefined;
  }

  override dump(): DumpValues {
    return { objects: this.tree.count, open: this.#open.size, forgotten: this.#forgotten };
  }

  override async lookup(_frame: Frame, parent: Inode, name: string, xdata?: Xdata): Promise<Found> {
    const directory = this.tree.directory(parent);
    const node = this.tree.child(directory, name);
    return answering(this.tree, { iatt: this.tree.iattOf(node), parent: iattOf(directory) }, node, xdata, {
      directory,
      name,
    });
  }

  override async discover(_frame: Frame, gfid: Buffer, _hint?: Buffer, xdata?: Xdata): Promise<Found> {
    const node = this.tree.find(gfid);
    return answering(this.tree, { iatt: this.tree.iattOf(node) }, node, xdata);
  }

  override async stat(_frame: Frame, inode: Inode, xdata?: Xdata): Promise<StatReply> {
    const node = this.tree.of(inode);
    return answering(this.tree, iattOf(node), node, xdata);
  }

  override fstat(frame: Frame, fd: Fd, xdata?: Xdata): Promise<StatReply> {
    return this.stat(frame, fd.inode, xdata);
  }

  override async readlink(_frame: Frame, inode: Inode, xdata?: Xdata): Promise<ReadlinkReply> {
    const node = this.tree.of(inode);
    if (node.type !== FileType.LNK) throw new FsError('EINVAL');
    return answering(this.tree, { target: node.target, iatt: iattOf(node) }, node, xdata);
  }

  override async access(frame: Frame, inode: Inode, mask: number, xdata?: Xdata): Promise<AccessReply> {
    const node = this.tree.of(inode);
    return answering(this.tree, { granted: granted(frame, node, mask), iatt: iattOf(node) }, node, xdata);
  }

  override async mknod(
    frame: Frame,
    parent: Inode,
    name: string,
    type: FileType,
    attr: NewAttr,
    device: Device,
    xdata?: Xdata,
  ): Promise<Made> {
    if (type === FileType.DIR || type === FileType.LNK) throw new FsError('EINVAL');
    const fill = (node: Node) => (node.device = device);
    return make(this.tree, frame, parent, name, { type, attr, mode: DEFAULT_MODES.file, fill, mayLink: true }, xdata);
  }

  override async mkdir(frame: Frame, parent: Inode, name: string, attr: NewAttr, xdata?: Xdata): Promise<Made> {
    return make(
      this.tree,
      frame,
      parent,
      name,
      { type: FileType.DIR, attr, mode: DEFAULT_MODES.dir, checksParent: true },
      xdata,
    );
  }

  override async symlink(
    frame: Frame,
    parent: Inode,
    name: string,
    target: string,
    attr: NewAttr,
    xdata?: Xdata,
  ): Promise<Made> {
    const fill = (node: Node) => (node.target = target);
    return make(this.tree, frame, parent, name, { type: FileType.LNK, attr, mode: DEFAULT_MODES.link, fill }, xdata);
  }

  override async create(
    frame: Frame,
    parent: Inode,
    name: string,
    how: CreateHow,
    flags?: number,
    xdata?: Xdata,
  ): Promise<Made> {
    const directory = this.tree.directory(parent);
    const there = directory.entries.get(name)?.node;
    const made =
      there === undefined
        ? this.#createNew(frame, parent, name, how, flags !== undefined, xdata)
        : this.#createExisting(frame, parent, there, how, flags);
    return flags === undefined ? made : { ...made, opened: this.#opened(flags, directory.entries.get(name)!.node) };
  }

  #createNew(frame: Frame, parent: Inode, name: string, how: CreateHow, checksParent: boolean, xdata?: Xdata): Made {
    const isExclusive = how.mode === 'exclusive';
    const attr: NewAttr = !isExclusive ? how.attr : how.gfid === undefined ? {} : { gfid: how.gfid };
    const fill = (node: Node) => {
      if (isExclusive) node.verifier = Buffer.from(how.verifier);
    };
    return make(
      this.tree,
      frame,
      parent,
      name,
      { type: FileType.REG, attr, mode: DEFAULT_MODES.file, fill, checksParent },
      xdata,
    );
  }

  #createExisting(frame: Frame, parent: Inode, node: Node, how: CreateHow, flags?: number): Made {
    const before = iattOf(this.tree.directory(parent));
    const isSame = how.mode === 'exclusive' && node.verifier?.equals(how.verifier);
    const isFree = how.mode === 'unchecked' && ((flags ?? 0) & O_EXCL) === 0;
    if (!isFree && !isSame) throw failed('EEXIST', before);
    if (flags !== undefined) mayOpen(frame, node, flags);
    const size = how.mode === 'unchecked' ? how.attr.size : undefined;
    const truncated = size ?? (((flags ?? 0) & O_TRUNC) === 0 ? undefined : 0);
    if (truncated !== undefined && node.type === FileType.REG) this.tree.set(node, { size: truncated });
    return { iatt: this.tree.iattOf(node), parent: { before, after: before } };
  }

  override async link(frame: Frame, inode: Inode, parent: Inode, name: string): Promise<Made> {
    const node = this.tree.of(inode);
    const directory = this.tree.directory(parent);
    const before = iattOf(directory);
    if (!mayChange(frame, directory)) throw failed('EACCES', before);
    if (node.type === FileType.DIR) throw failed('EPERM', before);
    if (directory.entries.has(name)) throw failed('EEXIST', before);
    node.nlink++;
    node.ctime = this.tree.now();
    this.tree.enter(directory, name, node);
    return { iatt: this.tree.iattOf(node), parent: { before, after: iattOf(directory) } };
  }

  override async unlink(frame: Frame, parent: Inode, name: string, xdata?: Xdata): Promise<Removed> {
    const directory = this.tree.directory(parent);
    const before = iattOf(directory);
    const node = directory.entries.get(name)?.node;
    if (!node) throw failed('ENOENT', before);
    if (!mayChange(frame, directory, node)) throw failed('EACCES', before);
    if (node.type === FileType.DIR) throw failed('EISDIR', before);
    if (xdata?.has('dont-unlink-for-open-fd') && node.opens > 0) throw failed('EBUSY', before);
    if (xdata?.has('unlink-only-if-dht-linkto-file') && !isLinkto(node)) throw failed('EBUSY', before);
    const { nlink } = node;
    this.tree.leave(directory, name);
    const answer = { parent: { before, after: iattOf(directory) } };
    return answering(this.tree, answer, node, xdata, undefined, [['get-link-count', nlink]]);
  }

  override async rmdir(frame: Frame, parent: Inode, name: string): Promise<Removed> {
    const directory = this.tree.directory(parent);
    const before = iattOf(directory);
    const node = directory.entries.get(name)?.node;
    if (!node) throw failed('ENOENT', before);
    if (!mayChange(frame, directory, node)) throw failed('EACCES', before);
    if (node.type !== FileType.DIR) throw failed('ENOTDIR', before);
    if (node.entries.size > 0) throw failed('ENOTEMPTY', before);
    this.tree.leave(directory, name);
    return { parent: { before, after: iattOf(directory) } };
  }

  override async rename(
    frame: Frame,
    from: Inode,
    fromName: string,
    to: Inode,
    toName: string,
    flags = 0,
    xdata?: Xdata,
  ): Promise<Renamed> {
    const [source, target] = [this.tree.directory(from), this.tree.directory(to)];
    const replaced = target.entries.get(toName)?.node;
    if (!mayChange(frame, source, source.entries.get(fromName)?.node) || !mayChange(frame, target, replaced))
      throw failed('EACCES', iattOf(source), iattOf(target));
    const nlink = replaced?.nlink ?? 0;
    const answer = rename(this.tree, { directory: from, name: fromName }, { directory: to, name: toName }, flags);
    return replaced === undefined
      ? answer
      : answering(this.tree, answer, replaced, xdata, undefined, [['get-link-count', nlink]]);
  }

  override async open(frame: Frame, inode: Inode, flags: number): Promise<Opened> {
    const node = this.tree.file(inode);
    mayOpen(frame, node, flags);
    if ((flags & O_TRUNC) !== 0) this.tree.set(node, { size: 0 });
    return this.#opened(flags, node);
  }

  #opened(flags: number, node: Node): Opened {
    const file: OpenFile = { flags, node };
    node.opens++;
    this.#open.add(file);
    return { notes: { slot: this.slot, value: file, next: undefined } };
  }

  /** The file of an fd, which must be open for more than `unless`. */
  protected fileOf(fd: Fd, unless: number): Node {
    const file = fd.slots[this.slot] as OpenFile | undefined;
    if (!fd.anonymous && (file === undefined || (file.flags & O_ACCMODE) === unless)) throw new FsError('EBADF');
    return this.tree.file(fd.inode);
  }

  override async opendir(_frame: Frame, inode: Inode): Promise<Opened> {
    return this.#opened(O_RDONLY, this.tree.directory(inode));
  }
}
