import type { Message } from '#protocols/fuse/codec.ts';
import type { FuseCall } from './fuse-call.ts';

/** The code of one operation of FUSE: its arguments, and what it does. */
export interface FuseActor<Args = any> {
  readonly name: string;
  readonly args: Message<Args>;
  /**
   * Whether nothing is lost when the caller is told that it was interrupted although the graph goes on: the operation
   * changes nothing.
   */
  readonly changes: boolean;
  /** The operation waits for something that others do, however long: it is carried out anew in a new graph. */
  readonly waits?: boolean;
  /** The kernel waits for no answer, and takes one amiss. Such an operation needs no graph. */
  readonly silent?: boolean;
  /** It ends the use of what is open, and is carried out also while the volume is down: the kernel asks once. */
  readonly closes?: boolean;
  /**
   * Carries out a call, and answers it if the operation has an answer. What is thrown, or the promise rejects with,
   * becomes the errno of the answer.
   */
  run(call: FuseCall, args: Args): Promise<void> | void;
}

/** The actors by the numbers of their operations; the kernel is told that there are no others. */
export type FuseActors = readonly (FuseActor | undefined)[];
