import { FsError } from '../../errno.ts';

/**
 * Refuses to change bytes that no file has. Offsets are numbers, which tell bytes below 2^53 apart.
 *
 * @param end the first byte behind those that are to be changed
 * @throws {FsError} EFBIG
 */
export function requireBelowMax(end: number): void {
  if (end > Number.MAX_SAFE_INTEGER) throw new FsError('EFBIG', 'EFBIG: an offset above 2^53');
}
