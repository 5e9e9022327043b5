import { nfsstat3 } from '#protocols/nfs3/constants.ts';
import { PATHCONF3args, PATHCONF3res } from '#protocols/nfs3/filesystem.ts';
import { nfs3Actor } from '../actor.ts';
import { postOpAfter } from '../attributes.ts';
import { NAME_MAX } from '#src/sys/constants.ts';
import { statfsWithAttributes } from '../statfs.ts';

export const pathconf = nfs3Actor({
  name: 'PATHCONF',
  args: PATHCONF3args,
  res: PATHCONF3res,
  idempotent: true,
  changes: false,
  handle: args => args.object,

  async run(nfs, at) {
    const { statfs, obj_attributes } = await statfsWithAttributes(nfs, at);
    const { linkMax, nameMax, caseInsensitive } = statfs;
    return {
      status: nfsstat3.NFS3_OK,
      obj_attributes,
      linkmax: Math.min(linkMax, 0xffff_ffff),
      name_max: Math.min(nameMax, NAME_MAX),
      no_trunc: true,
      chown_restricted: true,
      case_insensitive: caseInsensitive,
      case_preserving: true,
    };
  },

  async failed(nfs, status, at, error) {
    return { status, obj_attributes: await postOpAfter(nfs, at, error) };
  },
});
