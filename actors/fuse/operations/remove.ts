import { fuse_rename2_in, fuse_rename_in } from '#protocols/fuse/names.ts';
import { fuse_name_in } from '#protocols/fuse/object.ts';
import { RenameFlag } from '#src/graph/fops.ts';
import { fuseActor } from '../actor.ts';

export const unlink = fuseActor({
  name: 'UNLINK',
  args: fuse_name_in,
  changes: true,

  async run(call, parent, { name }) {
    const { table, top } = call.serving.volume;
    const { gone } = await top.unlink(call.frame, parent, name);
    table.removed(parent, name, gone);
    call.answerNothing();
  },
});

export const rmdir = fuseActor({
  name: 'RMDIR',
  args: fuse_name_in,
  changes: true,

  async run(call, parent, { name }) {
    const { table, top } = call.serving.volume;
    const { gone } = await top.rmdir(call.frame, parent, name);
    table.removed(parent, name, gone);
    call.answerNothing();
  },
});

export const rename = fuseActor({
  name: 'RENAME',
  args: fuse_rename_in,
  changes: true,

  async run(call, from, { newdir, oldname, newname }) {
    const { table, top } = call.serving.volume;
    const to = call.inodeOf(newdir);
    const { gone } = await top.rename(call.frame, from, oldname, to, newname);
    table.moved(from, oldname, to, newname, gone);
    call.answerNothing();
  },
});

export const rename2 = fuseActor({
  name: 'RENAME2',
  args: fuse_rename2_in,
  changes: true,

  async run(call, from, { newdir, flags, oldname, newname }) {
    const { table, top } = call.serving.volume;
    const to = call.inodeOf(newdir);
    const { gone } = await top.rename(call.frame, from, oldname, to, newname, flags);
    if ((flags & RenameFlag.EXCHANGE) === 0) {
      table.moved(from, oldname, to, newname, gone);
    } else {
      table.removed(from, oldname);
      table.removed(to, newname);
    }
    call.answerNothing();
  },
});
