/** Sends planned and wrong calls to a server and holds each reply against what must come back. */
import assert from 'node:assert/strict';
import { dirpath, MNT3, MOUNT_PROGRAM, MOUNT_V3, MOUNTPROC3, mountres3 } from '#protocols/mount.ts';
import { NFSPROC3, nfsstat3 } from '#protocols/nfs3/constants.ts';
import { MKDIR3args, MKDIR3res } from '#protocols/nfs3/names.ts';
import { XdrReader, XdrWriter } from '#protocols/xdr/stream.ts';
import { header } from './call.ts';
import type { Line } from './line.ts';
import type { Wrong } from './malformed.ts';
import { encoded, type Planned } from './place.ts';
import { verdictOf } from './reply.ts';

const nameOf = (table: Record<string, number>, value: number) => Object.keys(table).find(key => table[key] === value);

export async function mount(line: Line, path: string): Promise<Buffer> {
  const to = new XdrWriter();
  dirpath.encode(to, path);
  const head = header({ prog: MOUNT_PROGRAM, vers: MOUNT_V3, proc: MOUNTPROC3.MNT });
  const from = new XdrReader(await line.call(Buffer.concat([head, to.toBuffer()])));
  assert.equal(verdictOf(from), 'SUCCESS');
  const answer = mountres3.decode(from);
  assert.ok(answer.fhs_status === MNT3.OK, `MNT answered ${answer.fhs_status}`);
  return Buffer.from(answer.fhandle);
}

/** @throws the reply is not what the plan says */
export async function carryOut(line: Line, planned: Planned): Promise<void> {
  const reply = await line.call(Buffer.concat([header({ proc: planned.proc }), encoded(planned)]));
  const what = nameOf(NFSPROC3, planned.proc);
  const from = new XdrReader(reply);
  assert.equal(verdictOf(from), 'SUCCESS', what);
  const res = planned.res.decode(from) as { status: nfsstat3 } | undefined;
  assert.equal(from.left, 0, `${what}: bytes behind the results`);
  if (res === undefined) return;
  assert.equal(nameOf(nfsstat3, res.status), nameOf(nfsstat3, planned.status), what);
  if (res.status !== nfsstat3.NFS3_OK) return;
  try {
    planned.check?.(res);
  } catch (error) {
    (error as Error).message = `${what}: ${(error as Error).message}`;
    throw error;
  }
}

/** @throws the answer is not the one that is due */
export async function tryWrong(line: Line, { what, record, framed, verdict, status }: Wrong): Promise<void> {
  const from = new XdrReader(await line.call(record, framed));
  assert.equal(verdictOf(from), verdict, what);
  if (status !== undefined) assert.equal(nameOf(nfsstat3, from.uint32()), nameOf(nfsstat3, status), what);
}

/** Makes `name` in `dir` and answers with its handle. */
export async function makeDir(line: Line, dir: Buffer, name: string): Promise<Buffer> {
  let made: Buffer | undefined;
  const unset = { set_it: 0 } as const;
  const attributes = { mode: 0o755, uid: undefined, gid: undefined, size: undefined, atime: unset, mtime: unset };
  await carryOut(line, {
    proc: NFSPROC3.MKDIR,
    args: MKDIR3args,
    value: { where: { dir, name }, attributes },
    res: MKDIR3res,
    status: nfsstat3.NFS3_OK,
    check: (res: { obj: Buffer | undefined }) => (made = Buffer.from(res.obj!)),
  });
  return made!;
}
