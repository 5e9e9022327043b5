import { FsError } from '../errno.ts';
import type { Gate } from '../graph/live/gate.ts';
import type { Call, Program } from '../rpcsvc/actor.ts';

/**
 * Returns `program` with calls that are counted in `gate` until they are answered, so that the graph that they use is
 * not taken down before. A call that comes when the gate is closed is refused: its graph may be gone already.
 */
export function gated(program: Program, gate: Gate): Program {
  const leave = () => gate.leave();
  return {
    ...program,
    contextOf(call: Call) {
      if (!gate.enter()) throw new FsError('EJUKEBOX', 'the graph of this call is being taken down');
      call.afterSend(leave);
      return program.contextOf(call, gate.ending);
    },
  };
}
