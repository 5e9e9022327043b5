/** storage/posix: serves a directory of this machine with the caller's rights. ../README.md explains how. */
import type { Fd, Inode } from '../../../graph/inode.ts';
import * as fops from '../../../graph/fops.ts';
import type { Frame } from '../../../graph/frame.ts';
import { FileType, type Iatt, type Wcc } from '../../../graph/iatt.ts';
import { ANCESTRY_PATH } from '../../../graph/fops/virtual-xattrs.ts';
import { type DumpValues, Xlator } from '../../../graph/xlator.ts';
import { ancestryPath } from './objects/ancestry.ts';
import type { Brick } from './brick.ts';
import * as create from './entries/create.ts';
import { syncObject } from './data/durability.ts';
import * as entries from './entries/entries.ts';
import { isRoot } from './objects/gfid.ts';
import type { PosixObject } from './objects/object.ts';
import { statfsOf } from './statfs.ts';
import { list } from './listing/list.ts';
import * as lookup from './entries/lookup.ts';
import { keepOpen, openedUntil, openFor, type Release } from './data/open.ts';
import { answerChanged, answerMade, answerRemoved, answerRenamed } from './entries/answers.ts';
import { ServedTree } from './served-tree.ts';
import { openBrick } from './start.ts';
import { posixForeign, posixOptions, type PosixOptions } from './options.ts';
import { allocate, PUNCH, ZERO } from './data/allocate.ts';
import { read } from './data/read.ts';
import { seek } from './data/seek.ts';
import { setattr } from './setattr.ts';
import { commit, write, writeStable } from './data/write.ts';
import * as xattrs from './xattrs.ts';

type Xattrs = fops.Xattrs;

/* Fops are async functions so that an error of the parts becomes a rejection. Nearly all of them answer without waiting. */
export class Posix extends Xlator<PosixOptions> {
  static readonly doc = 'Serves a directory of this machine. It is the brick at the bottom of a graph.';
  static readonly options = posixOptions;
  static readonly foreign = posixForeign;
  static readonly children = [0, 0] as const;
  /** A gfid carries the kernel's handle of the object. */
  static readonly namesItself = true;

  #tree: ServedTree | undefined;
  /** The brick that the tree is served by. Fops are called after {@link init} only. */
  #brick!: Brick;

  override async init(): Promise<void> {
    const lost = () => this.notify({ kind: 'unstable-lost' });
    this.#tree = await ServedTree.start({
      directory: this.options.directory,
      isFirst: this.env.stage === 0,
      log: this.log,
      open: () => openBrick(this.name, this.slot, this.options, this.env, this.log, lost, this.watch),
      replaced: brick => {
        this.#brick = brick;
        this.notify({ kind: 'child-up' });
      },
    });
    this.#brick = this.#tree.brick;
  }

  override async fini(): Promise<void> {
    await this.#tree?.stop();
    this.#tree = undefined;
  }

  override async volumeId(): Promise<Buffer> {
    return this.#tree!.id();
  }

  override get trouble(): string | undefined {
    return this.#tree?.trouble;
  }

  override forget(inode: Inode): void {
    const object = inode.slots[this.slot] as PosixObject | undefined;
    inode.slots[this.slot] = undefined;
    if (object && !isRoot(object.gfid)) object.close();
  }

  override release(fd: Fd): void {
    (fd.slots[this.slot] as Release | undefined)?.();
  }

  override dump(): DumpValues {
    if (this.#tree === undefined) return { directory: this.options.directory }; // it hung at the start
    const { objects, syncs, syncMetadata } = this.#brick;
    const { paths, files, lists } = objects.caches;
    return {
      directory: this.options.directory,
      'descriptors.path': paths.count,
      'descriptors.file': files.count,
      'descriptors.list': lists.count,
      index: objects.finder !== undefined,
      'syncs.full': syncs.full,
      'sync-metadata': syncMetadata,
    };
  }

  override async lookup(frame: Frame, parent: Inode, name: string): Promise<fops.Found> {
    return lookup.lookup(this.#brick, frame, parent, name);
  }

  override async discover(_frame: Frame, gfid: Buffer, hint: Buffer | undefined): Promise<fops.Found> {
    return lookup.discover(this.#brick, gfid, hint);
  }

  override async stat(_frame: Frame, inode: Inode): Promise<Iatt> {
    return lookup.getattr(this.#brick, inode);
  }

  override async fstat(_frame: Frame, fd: Fd): Promise<Iatt> {
    return lookup.getattr(this.#brick, fd.inode);
  }

  override async readlink(_frame: Frame, inode: Inode): Promise<{ target: string; iatt: Iatt }> {
    return lookup.readlink(this.#brick, inode);
  }

  override async access(frame: Frame, inode: Inode, mask: number): Promise<{ granted: number; iatt: Iatt }> {
    return lookup.access(this.#brick, frame, inode, mask);
  }

  override async mknod(
    frame: Frame,
    parent: Inode,
    name: string,
    type: FileType,
    attr: fops.NewAttr,
    device: fops.Device,
  ): Promise<fops.Made> {
    return answerMade(this.#brick, create.mknod(this.#brick, frame, parent, name, type, attr, device));
  }

  override async mkdir(frame: Frame, parent: Inode, name: string, attr: fops.NewAttr): Promise<fops.Made> {
    return answerMade(this.#brick, create.mkdir(this.#brick, frame, parent, name, attr));
  }

  override async symlink(
    frame: Frame,
    parent: Inode,
    name: string,
    target: string,
    attr: fops.NewAttr,
  ): Promise<fops.Made> {
    return answerMade(this.#brick, create.symlink(this.#brick, frame, parent, name, target, attr));
  }

  override async create(
    frame: Frame,
    parent: Inode,
    name: string,
    how: fops.CreateHow,
    flags?: number,
  ): Promise<fops.Made> {
    const created = create.create(this.#brick, frame, parent, name, how, flags);
    const { made } = created;
    const { slot } = this;
    if (flags === undefined || made === undefined) return answerMade(this.#brick, created);
    // Its inode must find the object even if another caller removes the name at once.
    const value = { ...created.value, notes: { slot, value: made, next: undefined } };
    return answerMade(this.#brick, { ...created, value }, openedUntil(slot, keepOpen(this.#brick.objects, made)));
  }

  override async link(frame: Frame, inode: Inode, parent: Inode, name: string): Promise<fops.Made> {
    return answerMade(this.#brick, entries.link(this.#brick, frame, inode, parent, name));
  }

  override async unlink(frame: Frame, parent: Inode, name: string): Promise<fops.Removed> {
    return answerRemoved(this.#brick, entries.unlink(this.#brick, frame, parent, name));
  }

  override async rmdir(frame: Frame, parent: Inode, name: string): Promise<fops.Removed> {
    return answerRemoved(this.#brick, entries.rmdir(this.#brick, frame, parent, name));
  }

  override async rename(
    frame: Frame,
    from: Inode,
    fromName: string,
    to: Inode,
    toName: string,
    flags = 0,
  ): Promise<fops.Renamed> {
    return answerRenamed(this.#brick, entries.rename(this.#brick, frame, from, fromName, to, toName, flags));
  }

  override setattr(frame: Frame, inode: Inode, attr: fops.SetAttr, guard?: fops.Time): Promise<Wcc> {
    return answerChanged(this.#brick, inode, () => setattr(this.#brick, frame, inode, attr, guard));
  }

  override fsetattr(frame: Frame, fd: Fd, attr: fops.SetAttr): Promise<Wcc> {
    const { inode, anonymous } = fd;
    return answerChanged(this.#brick, inode, () => setattr(this.#brick, frame, inode, attr, undefined, !anonymous));
  }

  override truncate(frame: Frame, inode: Inode, size: number): Promise<Wcc> {
    return this.setattr(frame, inode, { size });
  }

  override ftruncate(frame: Frame, fd: Fd, size: number): Promise<Wcc> {
    return this.fsetattr(frame, fd, { size });
  }

  override async open(frame: Frame, inode: Inode, flags: number): Promise<fops.Opened> {
    return openedUntil(this.slot, openFor(this.#brick, frame, inode, flags));
  }

  override async readv(frame: Frame, fd: Fd, size: number, offset: number): Promise<fops.ReadReply> {
    return read(this.#brick, frame, fd.inode, size, offset, !fd.anonymous);
  }

  override async writev(
    frame: Frame,
    fd: Fd,
    data: Buffer,
    offset: number,
    stable: fops.Stable,
  ): Promise<fops.Written> {
    const how = stable === fops.Stable.UNSTABLE ? write : writeStable;
    return how(this.#brick, frame, fd.inode, data, offset, stable, !fd.anonymous);
  }

  override async flush(_frame: Frame, _fd: Fd): Promise<void> {
    // There is nothing that close(2) would write.
  }

  override async fsync(_frame: Frame, fd: Fd, dataOnly: boolean): Promise<Wcc> {
    return commit(this.#brick, fd.inode, dataOnly);
  }

  override async fallocate(frame: Frame, fd: Fd, mode: number, offset: number, length: number): Promise<Wcc> {
    return allocate(this.#brick, frame, fd.inode, mode, offset, length, !fd.anonymous);
  }

  override async discard(frame: Frame, fd: Fd, offset: number, length: number): Promise<Wcc> {
    return allocate(this.#brick, frame, fd.inode, PUNCH, offset, length, !fd.anonymous);
  }

  override async zerofill(frame: Frame, fd: Fd, offset: number, length: number): Promise<Wcc> {
    return allocate(this.#brick, frame, fd.inode, ZERO, offset, length, !fd.anonymous);
  }

  override async seek(frame: Frame, fd: Fd, offset: number, what: 'data' | 'hole'): Promise<number> {
    return seek(this.#brick, frame, fd, offset, what);
  }

  override async opendir(frame: Frame, inode: Inode): Promise<fops.Opened> {
    return openedUntil(this.slot, openFor(this.#brick, frame, inode, 0, FileType.DIR));
  }

  override async readdir(frame: Frame, fd: Fd, size: number, cookie: bigint): Promise<fops.DirList> {
    return list(this.#brick, frame, fd, size, cookie, false);
  }

  override async readdirp(frame: Frame, fd: Fd, size: number, cookie: bigint): Promise<fops.DirList> {
    const listed = () => list(this.#brick, frame, fd, size, cookie, true);
    const { finder } = this.#brick.objects;
    return finder ? finder.batch(listed) : listed();
  }

  override async fsyncdir(_frame: Frame, fd: Fd, _dataOnly: boolean): Promise<void> {
    return syncObject(this.#brick, this.#brick.objects.of(fd.inode), FileType.DIR);
  }

  override async statfs(_frame: Frame, inode: Inode): Promise<fops.Statfs> {
    return statfsOf(this.#brick, inode);
  }

  override async getxattr(frame: Frame, inode: Inode, name?: string): Promise<Xattrs> {
    if (name === ANCESTRY_PATH) return new Map([[name, ancestryPath(this.#brick.objects, inode)]]);
    return xattrs.getxattr(this.#brick, frame, inode, name);
  }

  override fgetxattr(frame: Frame, fd: Fd, name?: string): Promise<Xattrs> {
    return this.getxattr(frame, fd.inode, name);
  }

  override setxattr(frame: Frame, inode: Inode, values: Xattrs, flags: number): Promise<void> {
    return answerChanged(this.#brick, inode, () => xattrs.setxattr(this.#brick, frame, inode, values, flags));
  }

  override fsetxattr(frame: Frame, fd: Fd, values: Xattrs, flags: number): Promise<void> {
    return this.setxattr(frame, fd.inode, values, flags);
  }

  override removexattr(frame: Frame, inode: Inode, name: string): Promise<void> {
    return answerChanged(this.#brick, inode, () => xattrs.removexattr(this.#brick, frame, inode, name));
  }

  override fremovexattr(frame: Frame, fd: Fd, name: string): Promise<void> {
    return this.removexattr(frame, fd.inode, name);
  }

  override async xattrop(frame: Frame, inode: Inode, op: 'add32' | 'add64', changes: Xattrs): Promise<Xattrs> {
    return xattrs.xattrop(this.#brick, frame, inode, op, changes);
  }

  override fxattrop(frame: Frame, fd: Fd, op: 'add32' | 'add64', changes: Xattrs): Promise<Xattrs> {
    return this.xattrop(frame, fd.inode, op, changes);
  }
}
