/** The fops of `cluster/disperse` on names: lookups, creation, removal and changes. */
import { FsError } from '../../../errno.ts';
import { type Made, type NewAttr, RenameFlag, type Args } from '../../../graph/fops.ts';
import { FileType, type Iatt } from '../../../graph/iatt.ts';
import { Inode } from '../../../graph/inode.ts';
import type { Xlator } from '../../../graph/xlator.ts';
import { O_TRUNC } from '../../../sys/constants.ts';
import { DisperseBase } from './base.ts';
import { fdAt, OURS } from './data/open-files.ts';

export abstract class NameFops extends DisperseBase {
  override lookup(...[frame, parent, name, asked]: Args<'lookup'>) {
    return this.finder.find(frame, parent.gfid, asked, (child, xdata) => child.lookup(frame, parent, name, xdata));
  }

  override discover(...[frame, gfid, hint, asked]: Args<'discover'>) {
    return this.finder.find(frame, gfid, asked, (child, xdata) => child.discover(frame, gfid, hint, xdata));
  }

  override stat(...[frame, inode, asked]: Args<'stat'>) {
    return this.attributes.stat(frame, inode, asked);
  }

  override fstat(...[frame, fd, asked]: Args<'fstat'>) {
    const fdOf = (child: Xlator) => fdAt(fd, this.slot, this.children.indexOf(child));
    return this.finder.stat(frame, fd.inode.gfid, asked, (child, xdata) => child.fstat(frame, fdOf(child), xdata));
  }

  override readlink(...[frame, inode, asked]: Args<'readlink'>) {
    return this.attributes.readlink(frame, inode, asked);
  }

  override access(...[frame, inode, mask, asked]: Args<'access'>) {
    return this.attributes.access(frame, inode, mask, asked);
  }

  override mknod(...[frame, parent, name, type, given, device, asked]: Args<'mknod'>): Promise<Made> {
    const attr = this.names.chosen(given);
    const xdata = this.names.fresh(asked, type);
    const call = (child: Xlator) => child.mknod(frame, parent, name, type, attr, device, xdata);
    return this.names.make(frame, parent, name, asked, call, async () => 0);
  }

  override async mkdir(...[frame, parent, name, given, asked]: Args<'mkdir'>): Promise<Made> {
    const attr = this.names.chosen(given);
    const xdata = this.names.fresh(asked, FileType.DIR);
    const call = (child: Xlator) => child.mkdir(frame, parent, name, attr, xdata);
    const made = await this.names.make(frame, parent, name, asked, call, async () => 0);
    this.volume.versioned.add(made.iatt.gfid);
    return made;
  }

  override symlink(...[frame, parent, name, target, given, asked]: Args<'symlink'>): Promise<Made> {
    const attr = this.names.chosen(given);
    const xdata = this.names.fresh(asked, FileType.LNK);
    const call = (child: Xlator) => child.symlink(frame, parent, name, target, attr, xdata);
    return this.names.make(frame, parent, name, asked, call, async () => 0);
  }

  override async create(...[frame, parent, name, given, flags, asked]: Args<'create'>): Promise<Made> {
    const { size: cut, ...attr } = this.names.chosen(given.mode === 'exclusive' ? gfidOf(given) : given.attr);
    const { gfid } = attr;
    const how = given.mode === 'exclusive' ? { ...given, gfid } : { ...given, attr };
    const xdata = this.names.fresh(asked, FileType.REG);
    const below = flags === undefined ? undefined : flags & ~OURS;
    const call = (child: Xlator) => child.create(frame, parent, name, how, below, xdata);
    const isNew = (iatt: Iatt) => iatt.gfid.equals(gfid);
    const sizeOf = async (iatt: Iatt) => (isNew(iatt) ? 0 : this.finder.lockedSize(frame, iatt));
    const made = await this.names.make(frame, parent, name, asked, call, sizeOf, flags);
    const size = cut ?? (((flags ?? 0) & O_TRUNC) === 0 ? undefined : 0);
    if (size === undefined || isNew(made.iatt) || made.iatt.type !== FileType.REG) return made;
    // The file was there: its fragments must not be cut by the bricks themselves.
    const inode = new Inode(made.iatt.gfid, FileType.REG, made.iatt.hint);
    const { after } = await this.truncate(frame, inode, size);
    return after === undefined
      ? made
      : { ...made, iatt: { ...after, ...(made.iatt.notes && { notes: made.iatt.notes }) } };
  }

  override link(...[frame, inode, parent, name, asked]: Args<'link'>): Promise<Made> {
    const call = (child: Xlator) => child.link(frame, inode, parent, name, asked);
    const sizeOf = async () => (await this.stat(frame, inode)).size;
    return this.names.make(frame, parent, name, asked, call, sizeOf);
  }

  override unlink(...[frame, parent, name, asked]: Args<'unlink'>) {
    return this.names.remove(frame, parent, name, asked, child => child.unlink(frame, parent, name, asked));
  }

  override rmdir(...[frame, parent, name, asked]: Args<'rmdir'>) {
    return this.names.remove(frame, parent, name, asked, child => child.rmdir(frame, parent, name, asked));
  }

  override async rename(...[frame, from, fromName, to, toName, flags, asked]: Args<'rename'>) {
    if (((flags ?? 0) & RenameFlag.EXCHANGE) !== 0) throw new FsError('EINVAL'); // GlusterFS's protocol cannot
    return this.names.rename(frame, from, to, asked, child =>
      child.rename(frame, from, fromName, to, toName, flags, asked),
    );
  }
}

const gfidOf = ({ gfid }: Pick<NewAttr, 'gfid'>): NewAttr => (gfid === undefined ? {} : { gfid });
