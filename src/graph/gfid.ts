/** The length of a gfid in bytes. */
export const GFID_LENGTH = 16;

/** The gfid of every volume's root: 00…01. */
export const ROOT_GFID: Buffer = Buffer.concat([Buffer.alloc(GFID_LENGTH - 1), Buffer.of(1)]);
