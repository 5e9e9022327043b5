/** Answers that name an object, by which the kernel gets a node of it. */
import { ROOT_ID } from '#protocols/fuse/constants.ts';
import { fuse_open_out } from '#protocols/fuse/file.ts';
import { fuse_attr_out, fuse_entry_out } from '#protocols/fuse/object.ts';
import type { Iatt } from '#src/graph/iatt.ts';
import type { FuseCall } from '#src/xlators/mount/fuse/fuse-call.ts';
import { nanoseconds, toAttr } from './attributes.ts';

/** Answers with attributes. */
export function answerAttr(call: FuseCall, iatt: Iatt): void {
  const valid = call.valid(call.serving.options['attribute-timeout']);
  call.answer(fuse_attr_out, {
    attr_valid: Math.floor(valid),
    attr_valid_nsec: nanoseconds(valid),
    dummy: 0,
    ...toAttr(iatt),
  });
}

/** The entry of a node. */
export function entryOut(call: FuseCall, nodeid: number, iatt: Iatt): fuse_entry_out {
  const { options } = call.serving;
  const entryValid = call.valid(options['entry-timeout']);
  const valid = call.valid(options['attribute-timeout']);
  return {
    nodeid,
    generation: 0,
    entry_valid: Math.floor(entryValid),
    attr_valid: Math.floor(valid),
    entry_valid_nsec: nanoseconds(entryValid),
    attr_valid_nsec: nanoseconds(valid),
    ...toAttr(iatt),
  };
}

/** Takes back a node of which the kernel has not been told. */
export function unlearn({ serving: { nodes } }: FuseCall, nodeid: number): void {
  if (nodeid !== ROOT_ID) nodes.forget(nodeid, 1);
}

/** Answers with an object that was found or made as `name` in the node that the request is about. */
export function answerEntry(call: FuseCall, iatt: Iatt, name: string): void {
  const nodeid = call.serving.nodes.learn(iatt, call.header.nodeid, name);
  if (!call.answer(fuse_entry_out, entryOut(call, nodeid, iatt))) unlearn(call, nodeid);
}

/** Answers with a file that was made and opened. */
export function answerCreated(call: FuseCall, nodeid: number, iatt: Iatt, open: fuse_open_out): void {
  const answered = call.answerFilled((reply, at) => {
    fuse_entry_out.encode(reply, at, entryOut(call, nodeid, iatt));
    fuse_open_out.encode(reply, at + fuse_entry_out.size, open);
    return fuse_entry_out.size + fuse_open_out.size;
  });
  if (answered) return;
  call.serving.files.release(open.fh);
  unlearn(call, nodeid);
}
