import { dirpath_arg, PC, ppathcnf } from '#protocols/mount.ts';
import type { Actor } from '#src/rpcsvc/actor.ts';
import type { MountCall } from '#src/xlators/nfs/server/mount/mount-call.ts';
import { joinMountPath, splitMountPath } from '#src/xlators/nfs/server/mount/mount-path.ts';
import { failureOf } from '../mount/status.ts';

/** MAX_CANON and MAX_INPUT. This limit and the next two are the same for every directory on Linux (limits.h). */
const LINE_MAX = 255;
const PATH_MAX = 4096;
const PIPE_BUF = 4096;
/** The greatest value of a C short. */
const SHORT_MAX = 0x7fff;
/** The greatest value of a C int. */
const INT_MAX = 0x7fff_ffff;

const NOTHING_KNOWN: ppathcnf = {
  pc_link_max: 0,
  pc_max_canon: 0,
  pc_max_input: 0,
  pc_name_max: 0,
  pc_path_max: 0,
  pc_pipe_buf: 0,
  pc_vdisable: 0,
  pc_xxx: 0,
  pc_mask: PC.ERROR,
  pc_mask_high: 0,
};

/**
 * Returns the POSIX limits of a directory that the client may mount (X/Open XNFS, 7.3). The reply has no status, but a
 * bit that says that all values are invalid.
 */
export const pathconf: Actor<MountCall, string, ppathcnf> = {
  name: 'PATHCONF',
  args: dirpath_arg,
  res: ppathcnf,
  idempotent: true,

  async run(mount, path) {
    try {
      const { linkMax, nameMax } = await mount.pathconf(joinMountPath(splitMountPath(path)));
      return {
        pc_link_max: Math.min(linkMax, INT_MAX),
        pc_max_canon: LINE_MAX,
        pc_max_input: LINE_MAX,
        pc_name_max: Math.min(nameMax, SHORT_MAX),
        pc_path_max: PATH_MAX,
        pc_pipe_buf: PIPE_BUF,
        pc_vdisable: 0,
        pc_xxx: 0,
        pc_mask: PC.NO_TRUNC | PC.CHOWN_RESTRICTED,
        pc_mask_high: 0,
      };
    } catch (error) {
      failureOf(mount, path, error);
      return NOTHING_KNOWN;
    }
  },
};
