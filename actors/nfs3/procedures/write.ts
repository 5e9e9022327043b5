import { nfsstat3 } from '#protocols/nfs3/constants.ts';
import { WRITE3args, WRITE3res } from '#protocols/nfs3/file.ts';
import { Stable } from '#src/graph/fops.ts';
import { nfs3Actor } from '../actor.ts';
import { checkRegular } from '../names.ts';
import { toWccData, wccAfter } from '../wcc.ts';
import { UnaskedError } from '../unasked.ts';

export const write = nfs3Actor({
  name: 'WRITE',
  args: WRITE3args,
  res: WRITE3res,
  // A repeated call could overwrite newer data of another call.
  idempotent: false,
  changes: 'only',
  handle: args => args.file,

  async run(nfs, at, { offset, count, stable, data }) {
    checkRegular(at);
    if (count > data.length)
      throw new UnaskedError('EINVAL', `WRITE of ${count} bytes, but with ${data.length} bytes of data`);
    if (offset + count > Number.MAX_SAFE_INTEGER) throw new UnaskedError('EFBIG', 'WRITE beyond 2^53 - 1');
    const size = count > nfs.options.writeSize ? nfs.options.writeSize : count;
    const bytes = size < data.length ? data.subarray(0, size) : data;
    // Copy the verifier before writing. If it changes meanwhile, the new one would claim that lost data are safe.
    const verf = Buffer.from(at.volume.verifier.bytes);
    const wanted = at.trust === 'sync' ? Stable.UNSTABLE : stable;
    const written = await at.volume.top.writev(at.frame, at.inode.fd, bytes, offset, wanted);
    at.inode.dataChangedBy = nfs.call.xid;
    return {
      status: nfsstat3.NFS3_OK,
      file_wcc: toWccData(nfs, written),
      count: written.count,
      committed: at.trust === 'none' ? written.stable : Stable.FILE_SYNC,
      verf,
    };
  },

  /**
   * Compares the call's data with the file. If they are equal, nothing is left to do. If they differ and the file has
   * not changed since the earlier WRITE, then the call is a new one with the same xid. If they differ because the file
   * has changed, the call is a late copy of the earlier WRITE and would undo that change.
   */
  async repeats(nfs, at, { offset, count, data }, earlier) {
    if (earlier.status !== nfsstat3.NFS3_OK) return false;
    checkRegular(at);
    const size = Math.min(count, data.length, earlier.count);
    const found = await at.volume.top.readv(at.frame, at.inode.fd, size, offset);
    const same = found.data.equals(data.subarray(0, size));
    found.release?.();
    if (same) return true;
    // The ctime alone cannot tell two changes within one clock tick apart.
    if (at.inode.dataChangedBy >= 0 && at.inode.dataChangedBy !== nfs.call.xid) return true;
    const { after } = earlier.file_wcc;
    const { ctime, ctimeNsec } = found.iatt;
    return after === undefined || after.ctime.seconds !== ctime || after.ctime.nseconds !== ctimeNsec;
  },

  async failed(nfs, status, at, error) {
    return { status, file_wcc: await wccAfter(nfs, at, error) };
  },
});
