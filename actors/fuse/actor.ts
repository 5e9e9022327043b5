/** What the operations of FUSE have in common. */
import type { Message } from '#protocols/fuse/codec.ts';
import type { Inode } from '#src/graph/inode.ts';
import type { FuseActor } from '#src/xlators/mount/fuse/fuse-actor.ts';
import type { FuseCall } from '#src/xlators/mount/fuse/fuse-call.ts';

export interface NodeActor<Args> {
  readonly name: string;
  readonly args: Message<Args>;
  readonly changes: boolean;
  readonly waits?: boolean;
  readonly closes?: boolean;
  /** The node in the arguments, if the operation is about two. */
  readonly other?: (args: Args) => number;
  /** Carries out a call about `inode`. It is an async function; what it throws has an errno. */
  run(call: FuseCall, inode: Inode, args: Args): Promise<void>;
}

/** An operation on a node: the frame around it finds the inode. The kernel holds the node until the call is answered. */
export function fuseActor<Args>(actor: NodeActor<Args>): FuseActor<Args> {
  const { name, args, changes, waits = false, closes = false, other } = actor;
  return {
    name,
    args,
    changes,
    waits,
    closes,
    run(call, args) {
      const finding = call.findNodes(other?.(args));
      return finding === undefined
        ? actor.run(call, call.inode, args)
        : finding.then(() => actor.run(call, call.inode, args));
    },
  };
}
