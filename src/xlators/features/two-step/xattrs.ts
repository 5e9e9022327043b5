/** Extended attributes. Those that GlusterFS keeps for itself are none of the callers' business. */
import { FsError } from '../../../errno.ts';
import type * as fops from '../../../graph/fops.ts';
import { ANCESTRY_PATH } from '../../../graph/fops/virtual-xattrs.ts';
import { ownFrame } from '../../../graph/own-frame.ts';
import { Xlator } from '../../../graph/xlator.ts';
import { isOwnXattr, withoutOwn } from './own-names.ts';

/**
 * A brick wants the right to read the object, whatever attribute is asked for. Any caller that may use a directory may be told
 * where it is, and Linux wants that right for `user.` attributes alone (xattr(7)): execve(2) asks for `security.capability`.
 */
const isForAll = (name: string): boolean => name === ANCESTRY_PATH || name.startsWith('security.');

const refuseXattr = (): Promise<never> => Promise.reject(new FsError('EPERM', 'an extended attribute of GlusterFS'));

export abstract class TwoStepXattrs extends Xlator {
  protected readonly below: Xlator = this.children[0]!;

  override getxattr(...[frame, inode, name, xdata]: fops.Args<'getxattr'>): fops.Reply<'getxattr'> {
    const as = name !== undefined && isForAll(name) ? ownFrame(frame) : frame;
    if (name !== undefined && name !== ANCESTRY_PATH && isOwnXattr(name)) return Promise.reject(new FsError('ENODATA'));
    const found = this.below.getxattr(as, inode, name, xdata);
    return name === undefined ? found.then(withoutOwn) : found;
  }

  /** A brick checks the caller's rights to xattrs of an inode only. */
  override fgetxattr(...[frame, fd, name, xdata]: fops.Args<'fgetxattr'>): fops.Reply<'fgetxattr'> {
    if (name === ANCESTRY_PATH || frame.identity.uid !== 0) return this.getxattr(frame, fd.inode, name, xdata);
    if (name !== undefined && isOwnXattr(name)) return Promise.reject(new FsError('ENODATA'));
    const found = this.below.fgetxattr(frame, fd, name, xdata);
    return name === undefined ? found.then(withoutOwn) : found;
  }

  override setxattr(...args: fops.Args<'setxattr'>): fops.Reply<'setxattr'> {
    return [...args[2].keys()].some(isOwnXattr) ? refuseXattr() : this.below.setxattr(...args);
  }

  override fsetxattr(...args: fops.Args<'fsetxattr'>): fops.Reply<'fsetxattr'> {
    const [frame, fd, xattrs, flags, xdata] = args;
    if (frame.identity.uid !== 0) return this.setxattr(frame, fd.inode, xattrs, flags, xdata);
    return [...xattrs.keys()].some(isOwnXattr) ? refuseXattr() : this.below.fsetxattr(...args);
  }

  override removexattr(...args: fops.Args<'removexattr'>): fops.Reply<'removexattr'> {
    return isOwnXattr(args[2]) ? refuseXattr() : this.below.removexattr(...args);
  }

  override fremovexattr(...args: fops.Args<'fremovexattr'>): fops.Reply<'fremovexattr'> {
    const [frame, fd, name, xdata] = args;
    if (frame.identity.uid !== 0) return this.removexattr(frame, fd.inode, name, xdata);
    return isOwnXattr(name) ? refuseXattr() : this.below.fremovexattr(...args);
  }
}
