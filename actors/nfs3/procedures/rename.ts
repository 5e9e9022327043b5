import { nfsstat3 } from '#protocols/nfs3/constants.ts';
import { RENAME3args, RENAME3res } from '#protocols/nfs3/names.ts';
import { FopError } from '#src/graph/fops.ts';
import { checkSameExport, nfs3Actor, resolveQuietly, secondDirectory, using } from '../actor.ts';
import { checkMovedName } from '../names.ts';
import { toWccData, wccAfter, wccOf } from '../wcc.ts';

export const rename = nfs3Actor({
  name: 'RENAME',
  args: RENAME3args,
  res: RENAME3res,
  idempotent: false,
  changes: true,
  names: true,
  handle: args => args.from.dir,

  async run(nfs, at, { from, to }) {
    const dir = await secondDirectory(nfs, to.dir);
    checkMovedName(at, from.name);
    checkMovedName(dir, to.name);
    checkSameExport(at, dir);
    const wccs = await using(dir, () => at.volume.top.rename(at.frame, at.inode, from.name, dir.inode, to.name));
    at.volume.table.moved(at.inode, from.name, dir.inode, to.name, wccs.gone);
    return {
      status: nfsstat3.NFS3_OK,
      fromdir_wcc: toWccData(nfs, wccs.from),
      todir_wcc: toWccData(nfs, wccs.to),
    };
  },

  async failed(nfs, status, at, error, { to }) {
    const dir = await resolveQuietly(nfs, to.dir);
    return {
      status,
      fromdir_wcc: await wccAfter(nfs, at, error),
      todir_wcc: await wccOf(nfs, dir, error instanceof FopError ? error.toWcc : undefined),
    };
  },
});
