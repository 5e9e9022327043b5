import { nfsstat3 } from '#protocols/nfs3/constants.ts';
import { COMMIT3args, COMMIT3res } from '#protocols/nfs3/file.ts';
import { nfs3Actor } from '../actor.ts';
import { checkRegular } from '../names.ts';
import { toWccData, wccAfter } from '../wcc.ts';

export const commit = nfs3Actor({
  name: 'COMMIT',
  args: COMMIT3args,
  res: COMMIT3res,
  idempotent: true,
  changes: 'only',
  handle: args => args.file,

  /** Flushes the whole file, as fsync(2) does. RFC 1813, 3.3.21 lets a server flush more than the client asks for. */
  async run(nfs, at) {
    checkRegular(at);
    if (at.trust === 'sync') {
      const iatt = await at.volume.top.stat(at.frame, at.inode);
      const file_wcc = toWccData(nfs, { before: iatt, after: iatt });
      return { status: nfsstat3.NFS3_OK, file_wcc, verf: at.volume.verifier.bytes };
    }
    const wcc = await at.volume.top.fsync(at.frame, at.inode.fd, false);
    // Read the verifier only after the flush, so that data lost before this moment does not look committed.
    return { status: nfsstat3.NFS3_OK, file_wcc: toWccData(nfs, wcc), verf: at.volume.verifier.bytes };
  },

  async failed(nfs, status, at, error) {
    return { status, file_wcc: await wccAfter(nfs, at, error) };
  },
});
