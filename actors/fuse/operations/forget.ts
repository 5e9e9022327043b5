import { fuse_interrupt_in } from '#protocols/fuse/header.ts';
import { fuse_batch_forget_in, fuse_forget_in, fuse_forget_one } from '#protocols/fuse/object.ts';
import type { FuseActor } from '#src/xlators/mount/fuse/fuse-actor.ts';

/** The kernel has dropped a node, which replies had named so often. */
export const forget: FuseActor<fuse_forget_in> = {
  name: 'FORGET',
  args: fuse_forget_in,
  changes: false,
  silent: true,

  run({ serving, header }, { nlookup }) {
    serving.nodes.forget(header.nodeid, nlookup);
  },
};

export const batchForget: FuseActor<fuse_batch_forget_in> = {
  name: 'BATCH_FORGET',
  args: fuse_batch_forget_in,
  changes: false,
  silent: true,

  run({ serving: { nodes } }, { items }) {
    for (let at = 0; at + fuse_forget_one.size <= items.length; at += fuse_forget_one.size) {
      const { nodeid, nlookup } = fuse_forget_one.decode(items, at);
      nodes.forget(nodeid, nlookup);
    }
  },
};

export const interrupt: FuseActor<fuse_interrupt_in> = {
  name: 'INTERRUPT',
  args: fuse_interrupt_in,
  changes: false,
  silent: true,

  run({ serving }, { unique }) {
    serving.interrupt(unique);
  },
};
