/**
 * A brick does not find a file by its gfid once the file has lost its last name. A layer's own call is then made again
 * through an fd by which the file is open at the brick.
 */
import t from 'tap';
import { ERRNO } from '#src/errno.ts';
import { Stable } from '#src/graph/fops.ts';
import { FileType } from '#src/graph/iatt.ts';
import { Fd, Inode } from '#src/graph/inode.ts';
import { OWN } from '#src/graph/own-frame.ts';
import * as data from '#src/xlators/protocol/client/fops/data.ts';
import { stat } from '#src/xlators/protocol/client/fops/objects.ts';
import { xattrop } from '#src/xlators/protocol/client/fops/xattrs.ts';
import type { Remote } from '#src/xlators/protocol/client/remote.ts';
import { frame } from '../../../support/graph.ts';
import { gfidOf } from '../../../support/iatt.ts';
import { DONE, iattx, refused, remoteOf } from '../../../support/remote.ts';

const NUMBER = 5;
const file = new Inode(gfidOf(8), FileType.REG);
const iatt = iattx(file.gfid, 0o100644);
const changed = { ...DONE, prestat: iatt, poststat: iatt };

/** A brick that finds the file by an fd only. */
function bricks(code: number) {
  const gone = {
    ...refused(code),
    prestat: iatt,
    poststat: iatt,
    stat: iatt,
    dict: new Map(),
    size: 0,
    data: Buffer.alloc(0),
  };
  const byFd =
    (reply: object) =>
    ({ fd }: { fd: number }) =>
      (fd === NUMBER ? reply : gone) as never;
  return remoteOf({
    XATTROP: () => gone as never,
    FXATTROP: byFd({ ...changed, dict: new Map([['key', Buffer.from('sum')]]) }),
    STAT: () => gone as never,
    FSTAT: byFd({ ...DONE, stat: iatt }),
    READ: byFd({ op_ret: 3, op_errno: 0, stat: iatt, size: 3, xdata: undefined, data: Buffer.from('abc') }),
    WRITE: byFd({ ...changed, op_ret: 3 }),
    FSYNC: byFd(changed),
  });
}

const CALLS: readonly (readonly [string, (remote: Remote, as: typeof frame) => Promise<unknown>])[] = [
  ['xattrop', (remote, as) => xattrop(remote, as, file, 'add32', new Map([['key', Buffer.alloc(4)]]))],
  ['stat', (remote, as) => stat(remote, as, file)],
  ['readv', (remote, as) => data.readv(remote, as, file.fd, 3, 0)],
  ['writev', (remote, as) => data.writev(remote, as, file.fd, Buffer.from('abc'), 0, Stable.UNSTABLE)],
  ['fsync', (remote, as) => data.fsync(remote, as, file.fd, false)],
];

for (const [name, call] of CALLS) {
  t.test(name, async t => {
    for (const code of [ERRNO.ENOENT, ERRNO.ESTALE]) {
      const { remote } = bricks(code);
      await t.rejects(call(remote, OWN), { code: 'ESTALE' }, 'nothing is open');
      const open = new Fd(file, 2, remote.fds.opened(NUMBER, file.gfid, 2));
      await t.resolves(call(remote, OWN));
      await t.rejects(call(remote, frame), { code: 'ESTALE' }, 'a client that has not opened it has a stale handle');
      remote.fds.release(open);
      await t.rejects(call(remote, OWN), { code: 'ESTALE' }, 'nothing is open any more');
    }
    const { remote } = bricks(ERRNO.EACCES);
    remote.fds.opened(NUMBER, file.gfid, 2);
    await t.rejects(call(remote, OWN), { code: 'EACCES' }, 'another refusal holds');
  });
}
