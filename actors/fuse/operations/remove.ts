import { fuse_rename2_in, fuse_rename_in } from '#protocols/fuse/names.ts';
import { fuse_name_in } from '#protocols/fuse/object.ts';
import { RenameFlag } from '#src/graph/fops.ts';
import type { Inode } from '#src/graph/inode.ts';
import type { FuseCall } from '#src/xlators/mount/fuse/fuse-call.ts';
import { fuseActor } from '../actor.ts';

const removal = (name: string, fop: 'unlink' | 'rmdir') =>
  fuseActor({
    name,
    args: fuse_name_in,
    changes: true,

    async run(call, parent, { name }) {
      const { table, top } = call.serving.volume;
      const { gone } = await top[fop](call.frame, parent, name);
      table.removed(parent, name, gone);
      call.answerNothing();
    },
  });

export const unlink = removal('UNLINK', 'unlink');
export const rmdir = removal('RMDIR', 'rmdir');

async function move(call: FuseCall, from: Inode, { newdir, oldname, newname }: fuse_rename_in, flags?: number) {
  const { table, top } = call.serving.volume;
  const to = call.inodeOf(newdir);
  const { gone } = await top.rename(call.frame, from, oldname, to, newname, flags);
  if (flags === undefined || (flags & RenameFlag.EXCHANGE) === 0) {
    table.moved(from, oldname, to, newname, gone);
  } else {
    table.removed(from, oldname);
    table.removed(to, newname);
  }
  call.answerNothing();
}

export const rename = fuseActor({
  name: 'RENAME',
  args: fuse_rename_in,
  changes: true,
  other: ({ newdir }) => newdir,
  run: (call, from, args) => move(call, from, args),
});

export const rename2 = fuseActor({
  name: 'RENAME2',
  args: fuse_rename2_in,
  changes: true,
  other: ({ newdir }) => newdir,
  run: (call, from, args) => move(call, from, args, args.flags),
});
