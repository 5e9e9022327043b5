import { nfsstat3 } from '#protocols/nfs3/constants.ts';
import { READLINK3args, READLINK3res } from '#protocols/nfs3/object.ts';
import { FileType } from '#src/graph/iatt.ts';
import { nfs3Actor } from '../actor.ts';
import { postOpAfter, toFattr3 } from '../attributes.ts';
import { UnaskedError } from '../unasked.ts';

export const readlink = nfs3Actor({
  name: 'READLINK',
  args: READLINK3args,
  res: READLINK3res,
  idempotent: true,
  changes: false,
  handle: args => args.symlink,

  async run(nfs, at) {
    if (at.inode.type !== FileType.LNK) throw new UnaskedError('EINVAL', 'not a symlink');
    const { target, iatt } = await at.volume.top.readlink(at.frame, at.inode);
    return { status: nfsstat3.NFS3_OK, symlink_attributes: toFattr3(nfs, iatt), data: target };
  },

  async failed(nfs, status, at, error) {
    return { status, symlink_attributes: await postOpAfter(nfs, at, error) };
  },
});
