import { nfsstat3 } from '#protocols/nfs3/constants.ts';
import { LINK3args, LINK3res } from '#protocols/nfs3/names.ts';
import { checkSameExport, nfs3Actor, resolveQuietly, secondDirectory, using } from '../actor.ts';
import { postOp, toFattr3 } from '../attributes.ts';
import { checkNewName } from '../names.ts';
import { toWccData, wccAfter } from '../wcc.ts';

export const link = nfs3Actor({
  name: 'LINK',
  args: LINK3args,
  res: LINK3res,
  idempotent: false,
  changes: true,
  handle: args => args.file,

  async run(nfs, at, { link: { dir: handle, name } }) {
    const dir = await secondDirectory(nfs, handle);
    checkNewName(dir, name);
    checkSameExport(at, dir);
    const { iatt, parent } = await using(dir, () => at.volume.top.link(at.frame, at.inode, dir.inode, name));
    nfs.link(dir, name, iatt);
    return {
      status: nfsstat3.NFS3_OK,
      file_attributes: toFattr3(nfs, iatt),
      linkdir_wcc: toWccData(nfs, parent),
    };
  },

  async failed(nfs, status, at, error, { link }) {
    const dir = await resolveQuietly(nfs, link.dir);
    return { status, file_attributes: await postOp(nfs, at), linkdir_wcc: await wccAfter(nfs, dir, error) };
  },
});
