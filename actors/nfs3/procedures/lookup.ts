import { nfsstat3 } from '#protocols/nfs3/constants.ts';
import { LOOKUP3args, LOOKUP3res } from '#protocols/nfs3/names.ts';
import { FsError } from '#src/errno.ts';
import { nfs3Actor } from '../actor.ts';
import { postOpAfter, toFattr3 } from '../attributes.ts';
import { checkName } from '../names.ts';

export const lookup = nfs3Actor({
  name: 'LOOKUP',
  args: LOOKUP3args,
  res: LOOKUP3res,
  idempotent: true,
  changes: false,
  names: true,
  handle: args => args.what.dir,

  async run(nfs, at, { what: { name } }) {
    checkName(at, name);
    const up = name === '..';
    const { iatt, parent } = await at.volume.top.lookup(at.frame, at.inode, up && at.place === 'top' ? '.' : name);
    // The frame has checked the directory, but it may have been moved since: check the parent that was found, too.
    if (up && !(await nfs.holds(at, iatt))) throw new FsError('ESTALE', 'the parent directory is not in the export');
    nfs.link(at, name, iatt);
    return {
      status: nfsstat3.NFS3_OK,
      object: nfs.handleOf(at, iatt),
      obj_attributes: toFattr3(nfs, iatt),
      dir_attributes: parent && toFattr3(nfs, parent),
    };
  },

  async failed(nfs, status, at, error) {
    return { status, dir_attributes: await postOpAfter(nfs, at, error) };
  },
});
