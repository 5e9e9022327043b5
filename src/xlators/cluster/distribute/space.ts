/** How much room the subvolumes have, which is asked now and then and never waited for. */
import type { Statfs } from '../../../graph/fops.ts';
import type { MinFree, Settings } from './options.ts';

/** The room of one subvolume. */
export interface Room {
  /** The size of its file system in MiB, rounded up. */
  readonly weight: number;
  readonly freeBytes: number;
  readonly freePercent: number;
  readonly freeInodesPercent: number;
}

const MIB = 2 ** 20;

export function roomOf({ bytesTotal, bytesAvailable, filesTotal, filesFree }: Statfs): Room {
  return {
    weight: Math.ceil(bytesTotal / MIB),
    freeBytes: bytesAvailable,
    freePercent: bytesTotal === 0 ? 100 : Math.floor((bytesAvailable * 100) / bytesTotal),
    // File systems that make inodes as needed count none.
    freeInodesPercent: filesTotal === 0 ? 100 : Math.floor((filesFree * 100) / filesTotal),
  };
}

const isShort = ({ freeBytes, freePercent }: Room, min: MinFree): boolean =>
  'percent' in min ? freePercent < min.percent : freeBytes < min.bytes;

type Limits = Pick<Settings, 'min-free-disk' | 'min-free-inodes'>;

/** Whether new files must go elsewhere. A subvolume whose room is not known has room. */
export const isFull = (room: Room | undefined, limits: Limits): boolean =>
  room !== undefined && (isShort(room, limits['min-free-disk']) || room.freeInodesPercent < limits['min-free-inodes']);

/**
 * The child for a new file that belongs to the child `hashed`: that one, unless it is full and another one is not. Then it
 * is the one with the most room.
 */
export function childWithRoom(
  hashed: number,
  rooms: readonly (Room | undefined)[],
  isUsable: (child: number) => boolean,
  limits: Limits,
): number {
  if (!isFull(rooms[hashed], limits)) return hashed;
  let best = hashed;
  for (const [child, room] of rooms.entries()) {
    if (room === undefined || !isUsable(child) || isFull(room, limits)) continue;
    if (best === hashed || room.freeBytes > rooms[best]!.freeBytes) best = child;
  }
  return best;
}
