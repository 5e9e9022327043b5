/** The fops of cluster/distribute that are about names, directories and the whole volume. */
import { FsError } from '../../../errno.ts';
import {
  type AccessReply,
  type CreateHow,
  type Device,
  type DirList,
  type Found,
  type Made,
  type NewAttr,
  type Opened,
  type Removed,
  type Renamed,
  type Statfs,
  type Xdata,
} from '../../../graph/fops.ts';
import { cookieBits } from '../../../graph/fops/cookies.ts';
import type { Frame } from '../../../graph/frame.ts';
import { FileType, type Iatt } from '../../../graph/iatt.ts';
import type { Fd, Inode } from '../../../graph/inode.ts';
import type { Note } from '../../../graph/note.ts';
import { Cluster } from '../cluster.ts';
import type { Core } from './core.ts';
import { onCopies } from './directories/all.ts';
import { mkdir } from './directories/mkdir.ts';
import { directoryOf } from './directories/refresh.ts';
import { rmdir } from './directories/rmdir.ts';
import { discover, openNote } from './files/where.ts';
import { list } from './listing.ts';
import { find } from './names/find.ts';
import { link, notThere, unlink } from './names/link.ts';
import { makeNew, type Making } from './names/make.ts';
import { rename } from './names/rename.ts';
import { options } from './options.ts';

export abstract class VolumeFops extends Cluster<typeof options> {
  protected abstract readonly core: Core;

  override get cookieBits(): number {
    return cookieBits(this.children.length, this.core.cookieBitsBelow);
  }

  override async lookup(frame: Frame, parent: Inode, name: string, xdata?: Xdata): Promise<Found> {
    if (parent.type !== FileType.DIR) throw new FsError('ENOTDIR');
    return (await find(this.core, frame, parent, name, xdata)).found;
  }

  override discover(frame: Frame, gfid: Buffer, _hint: Buffer | undefined, xdata?: Xdata): Promise<Found> {
    return discover(this.core, frame, gfid, xdata);
  }

  override mknod(
    frame: Frame,
    parent: Inode,
    name: string,
    type: FileType,
    attr: NewAttr,
    device: Device,
    xdata?: Xdata,
  ): Promise<Made> {
    return this.#make(frame, parent, name, xdata, attr.gfid, false, (child, xdata, gfid) =>
      child.mknod(frame, parent, name, type, withGfid(attr, gfid), device, xdata),
    );
  }

  override symlink(
    frame: Frame,
    parent: Inode,
    name: string,
    target: string,
    attr: NewAttr,
    xdata?: Xdata,
  ): Promise<Made> {
    return this.#make(frame, parent, name, xdata, attr.gfid, false, (child, xdata, gfid) =>
      child.symlink(frame, parent, name, target, withGfid(attr, gfid), xdata),
    );
  }

  override async create(
    frame: Frame,
    parent: Inode,
    name: string,
    how: CreateHow,
    flags?: number,
    xdata?: Xdata,
  ): Promise<Made> {
    // Only if the name is new does it matter where it belongs. Without flags it is MKNOD that protocol/client sends.
    const there = how.mode === 'guarded' ? undefined : await find(this.core, frame, parent, name).catch(notThere);
    const made =
      there === undefined
        ? await this.#make(frame, parent, name, xdata, chosenOf(how), flags !== undefined, (child, xdata, gfid) =>
            child.create(frame, parent, name, howWithGfid(how, gfid), flags, xdata),
          )
        : await this.#openExisting(frame, parent, name, how, flags, xdata, there.at, there.found.iatt);
    if (made.opened === undefined) return made;
    const known = made.iatt.notes!.value as { readonly at: number };
    return { ...made, opened: this.opened(made.opened, known.at) };
  }

  async #openExisting(
    frame: Frame,
    parent: Inode,
    name: string,
    how: CreateHow,
    flags: number | undefined,
    xdata: Xdata | undefined,
    at: number,
    { notes }: Iatt,
  ): Promise<Made> {
    const { core } = this;
    const dir = await directoryOf(core, frame, parent);
    try {
      const made = await core.at(at < 0 ? core.firstUp() : at).create(frame, parent, name, how, flags, xdata);
      return { ...made, iatt: { ...made.iatt, ...(notes && { notes }) }, parent: dir.wcc(made.parent) };
    } catch (error) {
      throw core.corrected(error, dir);
    }
  }

  #make(
    frame: Frame,
    parent: Inode,
    name: string,
    xdata: Xdata | undefined,
    chosen: Buffer | undefined,
    isChecked: boolean,
    making: Making,
  ): Promise<Made> {
    if (parent.type !== FileType.DIR) return Promise.reject(new FsError('ENOTDIR'));
    return makeNew(this.core, frame, parent, name, making, xdata, chosen, isChecked);
  }

  override mkdir(frame: Frame, parent: Inode, name: string, attr: NewAttr, xdata?: Xdata): Promise<Made> {
    return mkdir(this.core, frame, parent, name, attr, xdata);
  }

  override link(frame: Frame, inode: Inode, parent: Inode, name: string, xdata?: Xdata): Promise<Made> {
    if (inode.type === FileType.DIR) return Promise.reject(new FsError('EPERM'));
    return link(this.core, frame, inode, parent, name, xdata);
  }

  override unlink(frame: Frame, parent: Inode, name: string, xdata?: Xdata): Promise<Removed> {
    return unlink(this.core, frame, parent, name, xdata);
  }

  override rmdir(frame: Frame, parent: Inode, name: string, xdata?: Xdata): Promise<Removed> {
    return rmdir(this.core, frame, parent, name, xdata);
  }

  override rename(
    frame: Frame,
    from: Inode,
    fromName: string,
    to: Inode,
    toName: string,
    flags = 0,
    xdata?: Xdata,
  ): Promise<Renamed> {
    return rename(this.core, frame, { from, fromName, to, toName }, flags, xdata);
  }

  override async opendir(frame: Frame, inode: Inode, xdata?: Xdata): Promise<Opened> {
    if (inode.type !== FileType.DIR) throw new FsError('ENOTDIR');
    const opened = await onCopies(this.core, child => child.opendir(frame, inode, xdata));
    let notes: Note | undefined;
    for (const { value } of opened) {
      for (let note = value.notes; note !== undefined; note = note.next) notes = { ...note, next: notes };
    }
    const { xdata: reply } = opened[0].value;
    return { ...(notes && { notes }), ...(reply && { xdata: reply }) };
  }

  override readdir(frame: Frame, fd: Fd, size: number, cookie: bigint, xdata?: Xdata): Promise<DirList> {
    return list(this.core, frame, fd, size, cookie, xdata, false);
  }

  override readdirp(frame: Frame, fd: Fd, size: number, cookie: bigint, xdata?: Xdata): Promise<DirList> {
    return list(this.core, frame, fd, size, cookie, xdata, true);
  }

  override async fsyncdir(frame: Frame, fd: Fd, dataOnly: boolean, xdata?: Xdata): Promise<void> {
    await onCopies(this.core, child => child.fsyncdir(frame, fd, dataOnly, xdata));
  }

  /** The room of all subvolumes together. */
  override async statfs(frame: Frame, _inode: Inode, xdata?: Xdata): Promise<Statfs> {
    const { core } = this;
    const all = await onCopies(core, child => child.statfs(frame, core.root, xdata));
    const { value: first } = all[0];
    const values = all.map(({ value }) => value);
    const sum = (key: SumOf) => values.reduce((total, one) => total + one[key], 0);
    const least = (key: LeastOf) => Math.min(...values.map(one => one[key]));
    return {
      ...first,
      bytesTotal: sum('bytesTotal'),
      bytesFree: sum('bytesFree'),
      bytesAvailable: sum('bytesAvailable'),
      filesTotal: sum('filesTotal'),
      filesFree: sum('filesFree'),
      filesAvailable: sum('filesAvailable'),
      nameMax: least('nameMax'),
      linkMax: least('linkMax'),
      fileSizeMax: least('fileSizeMax'),
    };
  }

  /** What the caller may do with a directory: one copy tells. */
  protected async accessDirectory(frame: Frame, inode: Inode, mask: number, xdata?: Xdata): Promise<AccessReply> {
    const { core } = this;
    const dir = await directoryOf(core, frame, inode);
    const first = dir.mds >= 0 && core.up[dir.mds] ? dir.mds : core.firstUp();
    const value = await core.at(first).access(frame, inode, mask, xdata);
    return value.iatt === undefined ? value : { ...value, iatt: dir.show(value.iatt) };
  }

  /** The fd of a file that is open on one child. */
  protected opened(opened: Opened, at: number): Opened {
    return { ...opened, notes: openNote(this.core, at, opened.notes) };
  }
}

type SumOf = 'bytesTotal' | 'bytesFree' | 'bytesAvailable' | 'filesTotal' | 'filesFree' | 'filesAvailable';
type LeastOf = 'nameMax' | 'linkMax' | 'fileSizeMax';

const withGfid = (attr: NewAttr, gfid: Buffer | undefined): NewAttr =>
  gfid === undefined || attr.gfid !== undefined ? attr : { ...attr, gfid };

const chosenOf = (how: CreateHow): Buffer | undefined => (how.mode === 'exclusive' ? how.gfid : how.attr.gfid);

function howWithGfid(how: CreateHow, gfid: Buffer | undefined): CreateHow {
  if (how.mode !== 'exclusive') return { ...how, attr: withGfid(how.attr, gfid) };
  return gfid === undefined || how.gfid !== undefined ? how : { ...how, gfid };
}
