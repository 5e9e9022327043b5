import { ftype3, nfsstat3 } from '#protocols/nfs3/constants.ts';
import { MKNOD3args, MKNOD3res, type mknoddata3 } from '#protocols/nfs3/names.ts';
import type { Device, SetAttr } from '#src/graph/fops.ts';
import { nfs3Actor } from '../actor.ts';
import { toSetAttr } from '../attributes.ts';
import { created, notCreated } from '../created.ts';
import { checkNewName } from '../names.ts';
import { StatusError } from '../status.ts';

const NO_DEVICE: Device = { major: 0, minor: 0 };

function nodeOf(what: mknoddata3): { attr: SetAttr; device: Device } {
  switch (what.type) {
    case ftype3.NF3CHR:
    case ftype3.NF3BLK: {
      const { specdata1: major, specdata2: minor } = what.spec;
      return { attr: toSetAttr(what.dev_attributes), device: { major, minor } };
    }
    case ftype3.NF3SOCK:
    case ftype3.NF3FIFO:
      return { attr: toSetAttr(what.pipe_attributes), device: NO_DEVICE };
    case ftype3.NF3REG:
    case ftype3.NF3DIR:
    case ftype3.NF3LNK:
      // RFC 1813, 3.3.11: other procedures make these.
      throw new StatusError(nfsstat3.NFS3ERR_BADTYPE, `MKNOD of type ${what.type}`);
  }
}

export const mknod = nfs3Actor({
  name: 'MKNOD',
  args: MKNOD3args,
  res: MKNOD3res,
  idempotent: false,
  changes: true,
  names: true,
  handle: args => args.where.dir,

  async run(nfs, at, { where: { name }, what }) {
    checkNewName(at, name);
    const { attr, device } = nodeOf(what);
    const made = await at.volume.top.mknod(at.frame, at.inode, name, what.type, attr, device);
    return created(nfs, at, name, made);
  },

  failed: notCreated,
});
