/** features/utime: which fops carry a time, and that they have the same one wherever they arrive. */
import t, { type Test } from 'tap';
import type { Fop, SetAttr } from '#src/graph/fops.ts';
import type { FopTimes } from '#src/graph/frame.ts';
import { ALL_FOPS } from '#src/graph/xlator.ts';
import { Failing } from '../../support/memory/failing.ts';
import { frame, stackOf, volumeOf, xlatorOf } from '../../support/graph.ts';
import { ARGS, callFop, passThroughSuite } from '../../suites/pass-through.ts';
import { xlatorSuite } from '../../suites/xlator.ts';

/** The flags of each fop that carries a time (GlusterFS's client sends the same, but for fallocate and zerofill). */
const FLAGS: Readonly<Partial<Record<Fop, number>>> = {
  create: 0x1f,
  mkdir: 0x1f,
  mknod: 0x1f,
  symlink: 0x1f,
  link: 0x19,
  unlink: 0x19,
  rmdir: 0x19,
  rename: 0x19,
  setattr: 0x01,
  fsetattr: 0x01,
  truncate: 0x03,
  ftruncate: 0x03,
  writev: 0x03,
  fallocate: 0x03,
  discard: 0x03,
  zerofill: 0x03,
  setxattr: 0x01,
  fsetxattr: 0x01,
  removexattr: 0x01,
  fremovexattr: 0x01,
};
const TIMED = Object.keys(FLAGS) as Fop[];

xlatorSuite(t, 'utime', t => volumeOf(t, stackOf('features/utime', 'test/memory')));
passThroughSuite(t, ['features/utime'], TIMED);

async function utime(t: Test, options = '') {
  const { top, root } = await volumeOf(t, stackOf(`features/utime ${options}`.trim(), 'test/failing', 'test/memory'));
  const { calls } = xlatorOf(top, 'v1', Failing);
  /** The times that arrive with a fop, and its other arguments. */
  const arriving = async (call: () => Promise<unknown>) => {
    calls.length = 0;
    await call().catch(() => {});
    const [as, ...args] = calls[0]!.args;
    return { times: as.times as FopTimes | undefined, args };
  };
  return { top, root, arriving };
}

t.test('each fop carries the times that it sets', async t => {
  const { top, arriving } = await utime(t);
  const before = Date.now();
  for (const fop of ALL_FOPS) {
    const { times, args } = await arriving(() => callFop(top, fop));
    t.equal(times?.flags, FLAGS[fop], fop);
    t.strictSame(args.slice(0, ARGS[fop].length), ARGS[fop], `${fop}: arguments`);
    if (times === undefined) continue;
    const ms = times.sec * 1000 + times.nsec / 1e6;
    t.ok(ms >= before && ms <= Date.now() + 1, 'the time is the present one');
    t.ok(Number.isInteger(times.nsec) && times.nsec >= 0 && times.nsec < 1e9);
  }
});

t.test('reading sets the access time only if that is wanted', async t => {
  const { top, arriving } = await utime(t, 'noatime=off');
  for (const fop of ['readv', 'open', 'opendir'] as const) {
    t.equal((await arriving(() => callFop(top, fop))).times?.flags, 4, fop);
  }
  t.equal((await arriving(() => callFop(top, 'stat'))).times, undefined);
});

t.test('setattr: now is the time of the fop, and given times need no flag', async t => {
  const { top, root, arriving } = await utime(t);
  const then = { sec: 1, nsec: 2 };
  const cases: [SetAttr, number][] = [
    [{ mode: 0o700 }, 1],
    [{ gid: 5 }, 1],
    [{}, 1],
    [{ atime: then, mtime: then }, 0],
    [{ mode: 0o700, mtime: then }, 1],
    [{ atime: 'now', mtime: 'now' }, 0],
    [{ atime: then, mtime: 'now' }, 0],
  ];
  for (const [attr, flags] of cases) {
    const given = { ...attr };
    for (const call of [() => top.setattr(frame, root, attr), () => top.fsetattr(frame, root.fd, attr)]) {
      const { times, args } = await arriving(call);
      t.equal(times?.flags, flags);
      const { sec, nsec } = times!;
      const expected = { ...attr };
      if (attr.atime === 'now') expected.atime = { sec, nsec };
      if (attr.mtime === 'now') expected.mtime = { sec, nsec };
      t.strictSame(args[1], expected);
      t.strictSame(attr, given, 'the argument is left as it was');
    }
  }
});

t.test('the clock does not go back from one fop to the next', async t => {
  const { top, arriving } = await utime(t);
  let last = 0;
  for (let i = 0; i < 2000; i++) {
    const { times } = await arriving(() => callFop(top, 'writev'));
    const at = (times!.sec % 1e6) * 1e9 + times!.nsec;
    if (at < last) return t.fail(`after ${last} came ${at}`);
    last = at;
  }
});
