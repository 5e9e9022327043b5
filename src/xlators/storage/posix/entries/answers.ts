/**
 * The answers of fops that change a directory. With `option sync-metadata on` the change is made durable before it is
 * answered.
 */
import type { Made, Opened, Removed, Renamed } from '../../../../graph/fops.ts';
import { FileType, type Iatt } from '../../../../graph/iatt.ts';
import type { Inode } from '../../../../graph/inode.ts';
import type { Brick, Changed } from '../brick.ts';
import { syncMade, syncObject } from '../data/durability.ts';
import type { PosixObject } from '../objects/object.ts';
import type { Left, Moved } from './entries.ts';

/** Answers with an object that was made, or that has been given a name; `opened` if the caller has opened it too. */
export function answerMade(
  brick: Brick,
  { value, wcc, dir, made }: Changed<Iatt>,
  opened?: Opened,
): Made | Promise<Made> {
  const answer = opened === undefined ? { iatt: value, parent: wcc } : { iatt: value, parent: wcc, opened };
  if (!brick.syncMetadata) return answer;
  return made === undefined
    ? durable(brick, answer, undefined, dir)
    : syncMade(brick, dir, made, value.type).then(() => answer);
}

/** Changes the attributes of an object, and answers. */
export async function answerChanged<T>(brick: Brick, inode: Inode, change: () => T | Promise<T>): Promise<T> {
  const changed = await change();
  if (brick.syncMetadata) await syncObject(brick, brick.objects.of(inode), inode.type);
  return changed;
}

/** Answers after a name was removed. Waits until the blocks of the object are freed. */
export function answerRemoved(
  brick: Brick,
  { value: { gone, freed }, wcc, dir }: Changed<Left>,
): Removed | Promise<Removed> {
  const removed = { parent: wcc, gone };
  return freed === undefined && !brick.syncMetadata ? removed : durable(brick, removed, freed, dir);
}

/** Answers after a rename. Waits until the blocks of an object that was replaced are freed. */
export function answerRenamed(brick: Brick, { wcc, from, to, freed }: Moved): Renamed | Promise<Renamed> {
  return freed === undefined && !brick.syncMetadata ? wcc : durable(brick, wcc, freed, to, from);
}

async function durable<T>(
  brick: Brick,
  answer: T,
  freed: Promise<void> | undefined,
  dir: PosixObject,
  other = dir,
): Promise<T> {
  if (freed !== undefined) await freed;
  if (!brick.syncMetadata) return answer;
  await syncObject(brick, dir, FileType.DIR);
  if (other !== dir) await syncObject(brick, other, FileType.DIR);
  return answer;
}
