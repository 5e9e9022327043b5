import { nfsstat3 } from '#protocols/nfs3/constants.ts';
import { REMOVE3args, REMOVE3res } from '#protocols/nfs3/names.ts';
import { nfs3Actor } from '../actor.ts';
import { checkRemovedName } from '../names.ts';
import { toWccData, wccAfter } from '../wcc.ts';

export const remove = nfs3Actor({
  name: 'REMOVE',
  args: REMOVE3args,
  res: REMOVE3res,
  idempotent: false,
  changes: true,
  names: true,
  handle: args => args.object.dir,

  async run(nfs, at, { object: { name } }) {
    checkRemovedName(at, name);
    const { parent, gone } = await at.volume.top.unlink(at.frame, at.inode, name);
    at.volume.table.removed(at.inode, name, gone);
    return { status: nfsstat3.NFS3_OK, dir_wcc: toWccData(nfs, parent) };
  },

  async failed(nfs, status, at, error) {
    return { status, dir_wcc: await wccAfter(nfs, at, error) };
  },
});
