import type { Statfs } from '#src/graph/fops.ts';

/** An answer of `statfs`, for tests in which its numbers do not matter. */
export const STATFS: Statfs = {
  bytesTotal: 1,
  bytesFree: 1,
  bytesAvailable: 1,
  filesTotal: 1,
  filesFree: 1,
  filesAvailable: 1,
  nameMax: 255,
  linkMax: 127,
  fileSizeMax: 1,
  timeGranularity: 1,
  caseInsensitive: false,
  readOnly: false,
};
