import { nfsstat3 } from '#protocols/nfs3/constants.ts';
import { FSSTAT3args, FSSTAT3res } from '#protocols/nfs3/filesystem.ts';
import { nfs3Actor } from '../actor.ts';
import { postOpAfter } from '../attributes.ts';
import { statfsWithAttributes } from '../statfs.ts';

export const fsstat = nfs3Actor({
  name: 'FSSTAT',
  args: FSSTAT3args,
  res: FSSTAT3res,
  idempotent: true,
  changes: false,
  handle: args => args.fsroot,

  async run(nfs, at) {
    const { statfs, obj_attributes } = await statfsWithAttributes(nfs, at);
    return {
      status: nfsstat3.NFS3_OK,
      obj_attributes,
      tbytes: statfs.bytesTotal,
      fbytes: statfs.bytesFree,
      abytes: statfs.bytesAvailable,
      tfiles: statfs.filesTotal,
      ffiles: statfs.filesFree,
      afiles: statfs.filesAvailable,
      invarsec: 0,
    };
  },

  async failed(nfs, status, at, error) {
    return { status, obj_attributes: await postOpAfter(nfs, at, error) };
  },
});
