/** Extended attributes that are on no disk. As in GlusterFS they ask a brick for what no fop returns. */

/**
 * getxattr of a directory returns its current path from the volume's root, in latin1; the root's is `/`. If the path is
 * longer than the kernel reports, it is the path of the nearest ancestor whose path the kernel reports, followed by
 * `/.`. ENODATA for anything but a directory, ESTALE for a directory that lies outside of the volume.
 */
export const ANCESTRY_PATH = 'glusterfs.ancestry.path';
