import { nfsstat3 } from '#protocols/nfs3/constants.ts';
import { WRITE3args, WRITE3res } from '#protocols/nfs3/file.ts';
import { FsError } from '#src/errno.ts';
import { Stable } from '#src/graph/fops.ts';
import { nfs3Actor } from './actor.ts';
import { checkRegular } from './names.ts';
import { toWccData, wccAfter } from './wcc.ts';

export const write = nfs3Actor({
  name: 'WRITE',
  args: WRITE3args,
  res: WRITE3res,
  // The same bytes would be written again, but perhaps over newer ones of another call.
  idempotent: false,
  changes: true,
  handle: args => args.file,

  async run(nfs, at, { offset, count, stable, data }) {
    checkRegular(at);
    if (count > data.length) throw new FsError('EINVAL', `WRITE of ${count} bytes with ${data.length}`);
    if (offset + count > Number.MAX_SAFE_INTEGER) throw new FsError('EFBIG', 'WRITE beyond 2^53 - 1');
    const size = count > nfs.options.writeSize ? nfs.options.writeSize : count;
    const bytes = size < data.length ? data.subarray(0, size) : data;
    // A copy, of before the write: were the data lost while under way, the verifier of after would vouch for them.
    const verf = Buffer.from(nfs.writeVerifier);
    const wanted = at.trust === 'sync' ? Stable.UNSTABLE : stable;
    const written = await at.volume.top.writev(at.frame, at.inode.fd, bytes, offset, wanted);
    return {
      status: nfsstat3.NFS3_OK,
      file_wcc: toWccData(nfs, written),
      count: written.count,
      committed: at.trust === 'none' ? written.stable : Stable.FILE_SYNC,
      verf,
    };
  },

  async failed(nfs, status, at, error) {
    return { status, file_wcc: await wccAfter(nfs, at, error) };
  },
});
