/**
 * The largest cookie of a directory entry. Cookies of bricks are positions in directories, which are signed 64-bit
 * numbers to lseek(2), and no position is negative.
 */
export const COOKIE_MAX = 0x7fff_ffff_ffff_ffffn;
