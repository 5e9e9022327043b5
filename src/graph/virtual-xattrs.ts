/** Extended attributes that no disk holds: GlusterFS's way of asking a brick what no fop asks. */

/**
 * With getxattr of a directory: its path from the volume's root at this moment, in latin1. The root's is `/`. Where the
 * path is longer than the kernel tells, the path of the nearest directory above that it tells, with `/.` behind it.
 * ENODATA for what is no directory, ESTALE for a directory that lies outside of the volume.
 */
export const ANCESTRY_PATH = 'glusterfs.ancestry.path';
