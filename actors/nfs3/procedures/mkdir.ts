import { MKDIR3args, MKDIR3res } from '#protocols/nfs3/names.ts';
import { nfs3Actor } from '../actor.ts';
import { toSetAttr } from '../attributes.ts';
import { created, notCreated } from '../created.ts';
import { checkNewName } from '../names.ts';

export const mkdir = nfs3Actor({
  name: 'MKDIR',
  args: MKDIR3args,
  res: MKDIR3res,
  idempotent: false,
  changes: true,
  names: true,
  handle: args => args.where.dir,

  async run(nfs, at, { where: { name }, attributes }) {
    checkNewName(at, name);
    const made = await at.volume.top.mkdir(at.frame, at.inode, name, toSetAttr(attributes));
    return created(nfs, at, name, made);
  },

  failed: notCreated,
});
