import { nfsstat3 } from '#protocols/nfs3/constants.ts';
import { GETATTR3args, GETATTR3res } from '#protocols/nfs3/object.ts';
import { auth_flavor } from '#protocols/rpc.ts';
import { nfs3Actor } from '../actor.ts';
import { toFattr3 } from '../attributes.ts';

export const getattr = nfs3Actor({
  name: 'GETATTR',
  args: GETATTR3args,
  res: GETATTR3res,
  idempotent: true,
  // RFC 2623, 2.3.2: clients ask while they mount, before they know which auth flavor the export takes.
  minAuth: auth_flavor.AUTH_NONE,
  changes: false,
  handle: args => args.object,

  async run(nfs, at) {
    const iatt = await at.volume.top.stat(at.frame, at.inode);
    return { status: nfsstat3.NFS3_OK, obj_attributes: toFattr3(nfs, iatt) };
  },

  failed: (_nfs, status) => ({ status }),
});
