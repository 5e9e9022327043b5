import { SYMLINK3args, SYMLINK3res } from '#protocols/nfs3/names.ts';
import { nfs3Actor } from '../actor.ts';
import { toSetAttr } from '../attributes.ts';
import { created, notCreated } from '../created.ts';
import { checkNewName, checkTarget } from '../names.ts';

export const symlink = nfs3Actor({
  name: 'SYMLINK',
  args: SYMLINK3args,
  res: SYMLINK3res,
  idempotent: false,
  changes: true,
  names: true,
  handle: args => args.where.dir,

  async run(nfs, at, { where: { name }, symlink: { symlink_attributes, symlink_data } }) {
    checkNewName(at, name);
    checkTarget(symlink_data);
    const attr = toSetAttr(symlink_attributes);
    const made = await at.volume.top.symlink(at.frame, at.inode, name, symlink_data, attr);
    return created(nfs, at, name, made);
  },

  failed: notCreated,
});
