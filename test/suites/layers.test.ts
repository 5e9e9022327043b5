/**
 * What each xlator of the registry must pass on untouched in both directions: xdata, notes, events, and the end of
 * inodes and fds.
 */
import t, { type Test } from 'tap';
import { errnoOf } from '#src/errno.ts';
import type { GraphEvent } from '#src/graph/event.ts';
import { type Fop, type Fops, Stable, type Xdata } from '#src/graph/fops.ts';
import { Fd, type Inode } from '#src/graph/inode.ts';
import type { Note } from '#src/graph/note.ts';
import { releaseOf } from '#src/graph/subtree.ts';
import { ALL_FOPS, Xlator } from '#src/graph/xlator.ts';
import type { XLATORS } from '#src/xlators/registry.ts';
import { envOf, frame, keptLog, stackOf, TEST_XLATORS, volumeOf } from '../support/graph.ts';
import { gfidOf, iattOf } from '../support/iatt.ts';
import { STATFS } from '../support/statfs.ts';
import { ARGS } from './pass-through.ts';

/**
 * The settings that each layer is tried with. A brick has nothing below it that it could pass on to, and nothing above
 * the masters calls them; the fops of bricks are in the suite of xlators. A cluster makes answers of its own from those of
 * several children, so it has that suite too.
 */
const SETTINGS: Readonly<Record<keyof typeof XLATORS, readonly string[] | 'brick' | 'cluster' | 'top'>> = {
  'cluster/disperse': 'cluster',
  'cluster/distribute': 'cluster',
  'cluster/nufa': 'cluster',
  'cluster/switch': 'cluster',
  'cluster/replicate': 'cluster',
  'debug/delay-gen': ['', 'delay-percentage=100 delay-duration=1'],
  'debug/error-gen': ['', 'failure=100 enable=statfs'],
  'debug/io-stats': ['', 'count-fop-hits=off'],
  'debug/trace': ['', 'force-log-level=ERROR'],
  'features/read-only': ['', 'read-only=off'],
  'features/two-step': [''],
  'features/utime': ['', 'noatime=off'],
  'features/shard': ['', 'shard-block-size=4KB'],
  'mount/fuse': 'top',
  'nfs/server': 'top',
  'protocol/client': 'brick',
  'storage/posix': 'brick',
};

/** Layers that ask the brick for more than they are asked. */
const ADDS_WORDS = new Set(['features/shard']);

/** Whether the layer may fail the fop, because it does so on purpose. */
const mayFail = (layer: string, fop: Fop, code: string | undefined): boolean =>
  (layer === 'features/read-only' && code === 'EROFS') ||
  // The guard among the arguments is not the ctime of the answers.
  (layer === 'features/two-step' && fop === 'setattr' && code === 'EAGAIN') ||
  (layer === 'debug/error-gen failure=100 enable=statfs' && fop === 'statfs' && code === 'EIO');

const down: Xdata = new Map([['test.asked', 1]]);
const up: Xdata = new Map([['test.answered', Buffer.from('answer')]]);

class Witness extends Xlator {
  readonly events: [GraphEvent, Xlator | undefined][] = [];
  forgotten: Inode[] = [];
  released: Fd[] = [];
  override notify(event: GraphEvent, from?: Xlator) {
    this.events.push([event, from]);
    super.notify(event, from);
  }
  override forget(inode: Inode) {
    this.forgotten.push(inode);
  }
  override release(fd: Fd) {
    this.released.push(fd);
  }
}

/** A brick that answers every fop with xdata and notes, where the answer has room for them. */
class Noting extends Witness {
  static readonly children = [0, 0] as const;
  readonly note: Note = { slot: this.slot, value: { of: this.name }, next: undefined };
  readonly answers = answersWith(this.note);
  readonly calls: (readonly unknown[])[] = [];

  protected override wind<F extends Fop>(fop: F, ...args: Parameters<Fops[F]>): ReturnType<Fops[F]> {
    this.calls.push(args);
    return Promise.resolve(this.answers[fop]) as ReturnType<Fops[F]>;
  }
}

type Answers = { readonly [F in Fop]: Awaited<ReturnType<Fops[F]>> };

function answersWith(notes: Note): Answers {
  const iatt = iattOf({ gfid: gfidOf(7), notes });
  const wcc = { before: iatt, after: iatt };
  const changed = { ...wcc, xdata: up };
  const found = { iatt, parent: iatt, xdata: up };
  const opened = { notes, xdata: up };
  const made = { iatt, parent: wcc, opened, xdata: up };
  const removed = { parent: wcc, xdata: up };
  const xattrs = new Map();
  const locked = { type: 'unlock', start: 0n, length: 0n } as const;
  const list = { entries: [{ name: 'a', ino: 1n, cookie: 1n, iatt, xdata: up }], eof: true, iatt, xdata: up };
  return {
    lookup: found,
    discover: found,
    stat: { ...iatt, xdata: up },
    fstat: { ...iatt, xdata: up },
    readlink: { target: 't', iatt, xdata: up },
    access: { granted: 7, iatt, xdata: up },
    mknod: made,
    mkdir: made,
    symlink: made,
    create: made,
    link: made,
    unlink: removed,
    rmdir: removed,
    rename: { from: wcc, to: wcc, xdata: up },
    setattr: changed,
    fsetattr: changed,
    truncate: changed,
    ftruncate: changed,
    open: opened,
    readv: { data: Buffer.from('x'), eof: true, iatt, xdata: up },
    writev: { ...changed, count: 1, stable: Stable.UNSTABLE },
    flush: undefined,
    fsync: changed,
    fallocate: changed,
    discard: changed,
    zerofill: changed,
    seek: 0,
    opendir: opened,
    readdir: list,
    readdirp: list,
    fsyncdir: undefined,
    statfs: { ...STATFS, xdata: up },
    getxattr: xattrs,
    fgetxattr: xattrs,
    setxattr: undefined,
    fsetxattr: undefined,
    removexattr: undefined,
    fremovexattr: undefined,
    xattrop: xattrs,
    fxattrop: xattrs,
    inodelk: undefined,
    finodelk: undefined,
    entrylk: undefined,
    fentrylk: undefined,
    lk: locked,
  };
}

/** The layer between a witness above it and a brick that answers with xdata and notes. */
async function between(t: Test, layer: string) {
  const registry = { ...TEST_XLATORS, 'test/witness': async () => Witness, 'test/noting': async () => Noting };
  const env = envOf({ log: keptLog().log });
  const volume = await volumeOf(t, stackOf('test/witness', layer, 'test/noting'), { registry, env });
  const [brick, middle, above] = [...volume.graph.xlators.values()] as [Noting, Xlator, Witness];
  return { ...volume, brick, middle, above };
}

/** The answer of a fop through the layer. Undefined if the layer fails it on purpose. */
async function answerOf(layer: string, top: Xlator, fop: Fop): Promise<{ answer: unknown } | undefined> {
  const call = top[fop] as (...args: unknown[]) => Promise<unknown>;
  try {
    return { answer: await call.call(top, frame, ...ARGS[fop], down) };
  } catch (error) {
    if (mayFail(layer, fop, errnoOf(error))) return undefined;
    throw error;
  }
}

for (const [type, settings] of Object.entries(SETTINGS)) {
  if (typeof settings === 'string') continue;
  for (const setting of settings) {
    const layer = `${type} ${setting}`.trim();

    t.test(`${layer}: xdata passes untouched, down and up`, async t => {
      const { top, brick } = await between(t, layer);
      let passed = 0;
      for (const fop of ALL_FOPS) {
        brick.calls.length = 0;
        const answered = await answerOf(layer, top, fop);
        if (answered === undefined) continue;
        passed++;
        const told = brick.calls.map(args => args.at(-1) as Xdata | undefined);
        const isPassed = ADDS_WORDS.has(type)
          ? told.some(words => words instanceof Map && words.get('test.asked') === down.get('test.asked'))
          : told.includes(down);
        t.ok(isPassed, `${fop}: down`);
        const expected = brick.answers[fop];
        if (typeof expected !== 'object' || !('xdata' in expected)) continue;
        t.equal((answered.answer as { xdata?: Xdata }).xdata, up, `${fop}: up`);
      }
      t.ok(passed > 20, 'most fops pass, or half of them if nothing may be changed');
    });

    t.test(`${layer}: notes land in the slots of the inode and of the fd`, async t => {
      const { top, table, root, brick } = await between(t, layer);
      const { slot, value } = brick.note;
      for (const fop of ['lookup', 'discover', 'mkdir', 'create', 'readdirp'] as const) {
        const answered = await answerOf(layer, top, fop);
        if (answered === undefined) continue;
        const iatts =
          fop === 'readdirp' ? (answered.answer as typeof brick.answers.readdirp).entries : [answered.answer];
        for (const { iatt } of iatts as { iatt: ReturnType<typeof iattOf> }[]) {
          const inode = table.link(iatt, root, 'a');
          t.equal(inode.slots[slot], value, fop);
          inode.slots[slot] = undefined;
        }
      }
      const inode = table.link(iattOf({ gfid: gfidOf(9) }));
      for (const opened of [await top.open(frame, inode, 0), await top.opendir(frame, inode)]) {
        t.equal(new Fd(inode, 0, opened.notes).slots[slot], value);
      }
    });

    t.test(`${layer}: the xlators below learn that an inode or an fd is gone`, async t => {
      const { top, table, root, brick, above } = await between(t, layer);
      const inode = table.link(iattOf({ gfid: gfidOf(9) }), root, 'a');
      const fd = new Fd(inode, 0);
      releaseOf(top)(fd);
      table.removed(root, 'a', inode.gfid);
      t.strictSame([above.released, brick.released], [[fd], [fd]]);
      t.strictSame([above.forgotten, brick.forgotten], [[inode], [inode]]);
    });

    t.test(`${layer}: each event passes once`, async t => {
      const { brick, middle, above } = await between(t, layer);
      const kinds = (witness: Witness) => witness.events.map(([{ kind }]) => kind);
      t.strictSame(kinds(brick), ['parent-up', 'child-up']);
      t.strictSame(kinds(above), ['parent-up', 'child-up']);
      const events: GraphEvent[] = [
        { kind: 'child-down' },
        { kind: 'child-up' },
        { kind: 'unstable-lost' },
        { kind: 'upcall', gfid: gfidOf(7), about: 'changed' },
        { kind: 'upcall', gfid: gfidOf(7), about: 'contention' },
      ];
      above.events.length = 0;
      for (const event of events) brick.notify(event);
      t.equal(above.events.length, events.length);
      for (const [index, [event, from]] of above.events.entries()) {
        t.equal(event, events[index]);
        t.equal(from, middle);
      }
    });
  }
}
