import { direntBytes, putDirent } from '#protocols/fuse/directory.ts';
import { fuse_readdir_in } from '#protocols/fuse/file.ts';
import { fuse_entry_out } from '#protocols/fuse/object.ts';
import type { Dirent } from '#src/graph/fops.ts';
import { FileType } from '#src/graph/iatt.ts';
import { IO_BYTES_MAX } from '#src/xlators/mount/fuse/device.ts';
import type { FuseCall } from '#src/xlators/mount/fuse/fuse-call.ts';
import { fuseActor } from '../actor.ts';
import { modeOfType } from '../attributes.ts';
import { entryOut, unlearn } from '../entry.ts';

/** How far the bits of a type are shifted between a mode and a directory entry. */
const TYPE_SHIFT = 12;

const isDot = (name: string): boolean => name === '.' || name === '..';

/** Answers with as many of the entries as there is room for. The kernel asks again after the last of them. */
function answerEntries(call: FuseCall, entries: readonly Dirent[], size: number, plus: boolean): void {
  const learned: number[] = [];
  const answered = call.answerFilled((reply, from) => {
    let at = from;
    const end = from + Math.min(size, IO_BYTES_MAX);
    for (const { name, ino, cookie, iatt } of entries) {
      if (at + direntBytes(name.length, plus) > end) break;
      const type = isDot(name) ? FileType.DIR : iatt?.type;
      if (plus) at = putEntry(call, reply, at, name, iatt, learned);
      at = putDirent(
        reply,
        at,
        name,
        iatt?.ino ?? ino,
        cookie,
        type === undefined ? 0 : modeOfType(type) >> TYPE_SHIFT,
      );
    }
    return at - from;
  });
  if (!answered) for (const nodeid of learned) unlearn(call, nodeid);
}

/** Writes the entry that precedes a name of READDIRPLUS; of `.` and `..` the kernel keeps nothing. */
function putEntry(
  call: FuseCall,
  reply: Buffer,
  at: number,
  name: string,
  iatt: Dirent['iatt'],
  learned: number[],
): number {
  if (iatt === undefined || isDot(name)) {
    reply.fill(0, at, at + fuse_entry_out.size);
  } else {
    const nodeid = call.serving.nodes.learn(iatt, call.header.nodeid, name);
    learned.push(nodeid);
    fuse_entry_out.encode(reply, at, entryOut(call, nodeid, iatt));
  }
  return at + fuse_entry_out.size;
}

export const readdir = fuseActor({
  name: 'READDIR',
  args: fuse_readdir_in,
  changes: false,

  async run(call, _inode, { fh, offset, size }) {
    const { files, volume } = call.serving;
    const { entries } = await volume.top.readdir(call.frame, files.of(fh), size, offset);
    answerEntries(call, entries, size, false);
  },
});

export const readdirplus = fuseActor({
  name: 'READDIRPLUS',
  args: fuse_readdir_in,
  changes: false,

  async run(call, _inode, { fh, offset, size }) {
    const { files, volume } = call.serving;
    const { entries } = await volume.top.readdirp(call.frame, files.of(fh), size, offset);
    answerEntries(call, entries, size, true);
  },
});
