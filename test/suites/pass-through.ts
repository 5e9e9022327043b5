/** Tests that a layer neither changes nor delays the fops in which it has no part. */
import type { Test } from 'tap';
import { FsError } from '#src/errno.ts';
import { type Fop, Stable } from '#src/graph/fops.ts';
import { ALL_FOPS, Xlator } from '#src/graph/xlator.ts';
import { Inode } from '#src/graph/inode.ts';
import { frame, graphOf, stackOf, TEST_XLATORS } from '../support/graph.ts';
import { gfidOf } from '../support/iatt.ts';

/** A brick that answers every fop with what it is told to, and remembers the arguments. */
class Probe extends Xlator {
  static readonly children = [0, 0] as const;
  reply: Promise<unknown> = Promise.resolve();
  args: unknown[] = [];

  protected override wind(...[, ...args]: any[]): any {
    this.args = args;
    return this.reply;
  }
}

const inode = new Inode(gfidOf(7), 1);
const other = new Inode(gfidOf(8), 2);
const { fd } = inode;
const lock = { type: 'write', start: 0n, length: 1n } as const;

const xdata = new Map([['glusterfs.content', 4096]]);

/** The arguments of each fop, without the frame and the xdata. */
export const ARGS: { readonly [F in Fop]: readonly unknown[] } = {
  lookup: [inode, 'a'],
  discover: [inode.gfid, undefined],
  stat: [inode],
  fstat: [fd],
  readlink: [inode],
  access: [inode, 7],
  mknod: [inode, 'a', 7, {}, { major: 0, minor: 0 }],
  mkdir: [inode, 'a', {}],
  symlink: [inode, 'a', 'b', {}],
  create: [inode, 'a', { mode: 'guarded', attr: {} }, 2],
  link: [inode, other, 'a'],
  unlink: [inode, 'a'],
  rmdir: [inode, 'a'],
  rename: [inode, 'a', other, 'b', 1],
  setattr: [inode, { mode: 0 }, { sec: 1, nsec: 2 }],
  fsetattr: [fd, { mode: 0 }],
  truncate: [inode, 5],
  ftruncate: [fd, 5],
  open: [inode, 0],
  readv: [fd, 10, 20],
  writev: [fd, Buffer.from('x'), 5, Stable.UNSTABLE],
  flush: [fd],
  fsync: [fd, true],
  fallocate: [fd, 0, 1, 2],
  discard: [fd, 1, 2],
  zerofill: [fd, 1, 2],
  seek: [fd, 5, 'hole'],
  opendir: [inode],
  readdir: [fd, 100, 3n],
  readdirp: [fd, 100, 3n],
  fsyncdir: [fd, true],
  statfs: [inode],
  getxattr: [inode, 'user.a'],
  fgetxattr: [fd, 'user.a'],
  setxattr: [inode, new Map(), 1],
  fsetxattr: [fd, new Map(), 1],
  removexattr: [inode, 'user.a'],
  fremovexattr: [fd, 'user.a'],
  xattrop: [inode, 'add32', new Map()],
  fxattrop: [fd, 'add32', new Map()],
  inodelk: ['domain', inode, lock, true],
  finodelk: ['domain', fd, lock, true],
  entrylk: ['domain', inode, 'a', 'read', true],
  fentrylk: ['domain', fd, 'a', 'read', true],
  lk: [fd, 'get', lock],
};

/** Calls any fop with plausible arguments. */
export function callFop(xlator: Xlator, fop: Fop): Promise<unknown> {
  return (xlator[fop] as (...args: unknown[]) => Promise<unknown>)(frame, ...ARGS[fop], xdata);
}

/**
 * @param layers as `stackOf` takes them, without the brick
 * @param except the fops in which they have a part
 */
export function passThroughSuite(t: Test, layers: readonly string[], except: readonly Fop[] = []): void {
  t.test(
    `${layers.join(' over ')}: fops that are none of its business are passed on, and their promise is returned`,
    async t => {
      const registry = { ...TEST_XLATORS, 'test/probe': async () => Probe };
      const graph = await graphOf(t, stackOf(...layers, 'test/probe'), { registry });
      const probe = graph.xlators.get('v0') as Probe;
      for (const fop of ALL_FOPS.filter(fop => !except.includes(fop))) {
        probe.reply = Promise.resolve({ data: Buffer.alloc(0), count: 0 });
        const reply = callFop(graph.top, fop);
        t.equal(reply, probe.reply, fop);
        const given = [frame, ...ARGS[fop], xdata];
        t.ok(probe.args.length === given.length && probe.args.every((arg, i) => arg === given[i]), `${fop}: arguments`);
        await reply;

        const error = new FsError('EDQUOT');
        probe.reply = Promise.reject(error);
        t.equal(await callFop(graph.top, fop).catch((caught: unknown) => caught), error, `${fop}: the same error`);
      }
    },
  );
}
