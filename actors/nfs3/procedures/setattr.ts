import { nfsstat3 } from '#protocols/nfs3/constants.ts';
import { SETATTR3args, SETATTR3res } from '#protocols/nfs3/object.ts';
import { errnoOf } from '#src/errno.ts';
import { nfs3Actor } from '../actor.ts';
import { toFileAttr } from '../attributes.ts';
import { checkRegular } from '../names.ts';
import { toWccData, wccAfter } from '../wcc.ts';

export const setattr = nfs3Actor({
  name: 'SETATTR',
  args: SETATTR3args,
  res: SETATTR3res,
  // The first call changes the ctime, so the guard would refuse a repeated call.
  idempotent: false,
  changes: 'only',
  handle: args => args.object,

  async run(nfs, at, { new_attributes, guard }) {
    if (new_attributes.size !== undefined) checkRegular(at);
    const ctime = guard && { sec: guard.seconds, nsec: guard.nseconds };
    const wcc = await at.volume.top.setattr(at.frame, at.inode, toFileAttr(new_attributes), ctime);
    if (new_attributes.size !== undefined) at.inode.dataChangedBy = nfs.call.xid;
    return { status: nfsstat3.NFS3_OK, obj_wcc: toWccData(nfs, wcc) };
  },

  async failed(nfs, status, at, error, { guard }) {
    const errno = errnoOf(error);
    // The graph answers EAGAIN if the ctime differs from the guard.
    const guarded = guard !== undefined && (errno === 'EAGAIN' || errno === 'EWOULDBLOCK');
    return {
      status: guarded ? nfsstat3.NFS3ERR_NOT_SYNC : status,
      obj_wcc: await wccAfter(nfs, at, error),
    };
  },
});
