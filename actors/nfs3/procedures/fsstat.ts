import { nfsstat3 } from '#protocols/nfs3/constants.ts';
import { FSSTAT3args, FSSTAT3res } from '#protocols/nfs3/filesystem.ts';
import { nfs3Actor } from '../actor.ts';
import { postOp, postOpAfter } from '../attributes.ts';

export const fsstat = nfs3Actor({
  name: 'FSSTAT',
  args: FSSTAT3args,
  res: FSSTAT3res,
  idempotent: true,
  changes: false,
  handle: args => args.fsroot,

  async run(nfs, at) {
    const stats = await at.volume.top.statfs(at.frame, at.inode);
    return {
      status: nfsstat3.NFS3_OK,
      obj_attributes: await postOp(nfs, at),
      tbytes: stats.bytesTotal,
      fbytes: stats.bytesFree,
      abytes: stats.bytesAvailable,
      tfiles: stats.filesTotal,
      ffiles: stats.filesFree,
      afiles: stats.filesAvailable,
      invarsec: 0,
    };
  },

  async failed(nfs, status, at, error) {
    return { status, obj_attributes: await postOpAfter(nfs, at, error) };
  },
});
