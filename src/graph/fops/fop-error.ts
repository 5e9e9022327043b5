import { type Errno, FsError } from '../../errno.ts';
import type { Wcc } from '../iatt.ts';
import type { Xdata } from './xdata.ts';

/**
 * The failure of a fop, with the attributes of the objects that it would have changed, so that failures can carry
 * `wcc_data` too.
 */
export class FopError extends FsError {
  override name = 'FopError';
  /** The attributes of the inode or of the parent; for rename, those of the source directory. */
  readonly wcc: Wcc;
  /** For rename, the attributes of the target directory. */
  readonly toWcc: Wcc | undefined;
  readonly xdata: Xdata | undefined;

  constructor(code: Errno, message: string, wcc: Wcc, toWcc?: Wcc, xdata?: Xdata) {
    super(code, message);
    this.wcc = wcc;
    this.toWcc = toWcc;
    this.xdata = xdata;
  }
}
