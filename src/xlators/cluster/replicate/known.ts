/** What the layer knows of an object, in the slot of its inode. It is replaced as a whole and never changed. */
import { FileType } from '../../../graph/iatt.ts';
import type { Inode } from '../../../graph/inode.ts';
import type { Accused } from './changelog.ts';
import type { Children } from './children.ts';
import type { Replicas } from './replicas.ts';

export interface Known {
  /** {@link Replicas.generation} when it was asked for. */
  readonly generation: number;
  /** The children from which contents can be read: the bytes of a file, the names in a directory. */
  readonly data: Children;
  /** The children from which the other attributes can be read. */
  readonly metadata: Children;
}

/** What is known of an inode, unless something has changed since then. */
export function knownOf({ slot, generation }: Replicas, inode: Inode): Known | undefined {
  const known = inode.slots[slot] as Known | undefined;
  return known?.generation === generation ? known : undefined;
}

/** The children that have an object of this type and are blamed by none of the others. */
export function readableOf(
  { arbiters }: Replicas,
  generation: number,
  type: FileType,
  having: Children,
  accused: Accused,
): Known {
  const readable = having & ~arbiters;
  const data = type === FileType.DIR ? accused.entry : accused.data;
  return { generation, data: readable & ~data, metadata: readable & ~accused.metadata };
}
