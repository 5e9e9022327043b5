import { nfsstat3 } from '#protocols/nfs3/constants.ts';
import { LOOKUP3args, LOOKUP3res } from '#protocols/nfs3/names.ts';
import { nfs3Actor } from './actor.ts';
import { postOpAfter, toFattr3 } from './attributes.ts';
import { checkName } from './names.ts';

export const lookup = nfs3Actor({
  name: 'LOOKUP',
  args: LOOKUP3args,
  res: LOOKUP3res,
  idempotent: true,
  changes: false,
  handle: args => args.what.dir,

  async run(nfs, at, { what: { name } }) {
    checkName(at, name);
    const { iatt, parent } = await at.volume.top.lookup(at.frame, at.inode, name === '..' && at.atTop ? '.' : name);
    nfs.link(at, name, iatt);
    return {
      status: nfsstat3.NFS3_OK,
      object: nfs.handleOf(at, iatt),
      obj_attributes: toFattr3(nfs, iatt),
      dir_attributes: toFattr3(nfs, parent),
    };
  },

  async failed(nfs, status, at, error) {
    return { status, dir_attributes: await postOpAfter(nfs, at, error) };
  },
});
