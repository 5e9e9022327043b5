import { createmode3 } from '#protocols/nfs3/constants.ts';
import { CREATE3args, CREATE3res, type createhow3 } from '#protocols/nfs3/names.ts';
import type { CreateHow } from '#src/graph/fops.ts';
import { nfs3Actor } from '../actor.ts';
import { toFileAttr } from '../attributes.ts';
import { created, notCreated } from '../created.ts';
import { checkNewName } from '../names.ts';

function toCreateHow(how: createhow3): CreateHow {
  switch (how.mode) {
    case createmode3.UNCHECKED:
      return { mode: 'unchecked', attr: toFileAttr(how.obj_attributes) };
    case createmode3.GUARDED:
      return { mode: 'guarded', attr: toFileAttr(how.obj_attributes) };
    case createmode3.EXCLUSIVE:
      return { mode: 'exclusive', verifier: how.verf };
  }
}

export const create = nfs3Actor({
  name: 'CREATE',
  args: CREATE3args,
  res: CREATE3res,
  idempotent: false,
  changes: true,
  names: true,
  handle: args => args.where.dir,

  async run(nfs, at, { where: { name }, how }) {
    checkNewName(at, name);
    const made = await at.volume.top.create(at.frame, at.inode, name, toCreateHow(how));
    return created(nfs, at, name, made);
  },

  failed: notCreated,
});
