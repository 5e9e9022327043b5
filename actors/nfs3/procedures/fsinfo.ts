import { FSF3, nfsstat3 } from '#protocols/nfs3/constants.ts';
import { FSINFO3args, FSINFO3res } from '#protocols/nfs3/filesystem.ts';
import { auth_flavor } from '#protocols/rpc.ts';
import { nfs3Actor } from '../actor.ts';
import { postOpAfter } from '../attributes.ts';
import { statfsWithAttributes } from '../statfs.ts';

/** RFC 1813, 3.3.19: transfers should be a multiple of this. It is the page size of the brick's cache. */
const MULTIPLE_BYTES = 4096;
/**
 * HOMOGENEOUS is missing, since an export can contain mounts of other file systems, and a file system can have
 * directories with and without case folding.
 */
const PROPERTIES = FSF3.LINK | FSF3.SYMLINK | FSF3.CANSETTIME;

export const fsinfo = nfs3Actor({
  name: 'FSINFO',
  args: FSINFO3args,
  res: FSINFO3res,
  idempotent: true,
  // RFC 2623, 2.3.2: clients ask while they mount, before they know which auth flavor the export takes.
  minAuth: auth_flavor.AUTH_NONE,
  changes: false,
  handle: args => args.fsroot,

  async run(nfs, at) {
    const { readSize, writeSize, readdirSize } = nfs.options;
    const { statfs, obj_attributes } = await statfsWithAttributes(nfs, at);
    const { fileSizeMax, timeGranularity } = statfs;
    return {
      status: nfsstat3.NFS3_OK,
      obj_attributes,
      rtmax: readSize,
      rtpref: readSize,
      rtmult: MULTIPLE_BYTES,
      wtmax: writeSize,
      wtpref: writeSize,
      wtmult: MULTIPLE_BYTES,
      dtpref: readdirSize,
      maxfilesize: Math.min(fileSizeMax, Number.MAX_SAFE_INTEGER),
      time_delta: { seconds: Math.floor(timeGranularity / 1e9), nseconds: timeGranularity % 1e9 },
      properties: PROPERTIES,
    };
  },

  async failed(nfs, status, at, error) {
    return { status, obj_attributes: await postOpAfter(nfs, at, error) };
  },
});
