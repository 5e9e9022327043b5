import t from 'tap';
import { Fd, Inode } from '#src/graph/inode.ts';
import { planGraph } from '#src/graph/plan.ts';
import { Stable } from '#src/graph/fops.ts';
import { summaryOf } from '#src/xlators/debug/summary.ts';
import { envOf, frame, keptLog, stackOf, TEST_XLATORS, volumeOf } from '../../support/graph.ts';
import { gfidOf, iattOf } from '../../support/iatt.ts';
import { passThroughSuite } from '../../suites/pass-through.ts';
import { xlatorSuite } from '../../suites/xlator.ts';

passThroughSuite(t, ['debug/trace']);
xlatorSuite(t, 'debug/trace', t =>
  volumeOf(t, stackOf('debug/trace', 'test/memory'), { env: envOf({ log: keptLog().log }) }),
);

async function traced(t: Parameters<typeof volumeOf>[0], ...options: string[]) {
  const { log, lines } = keptLog();
  const stack = stackOf(['debug/trace', ...options].join(' '), 'test/memory files=f');
  const { top, root, find } = await volumeOf(t, stack, { env: envOf({ log }) });
  const inode = await find('f');
  await t.rejects(top.lookup(frame, root, 'nothing'));
  await top.writev(frame, inode.fd, Buffer.alloc(3000), 0, Stable.UNSTABLE);
  return lines;
}

t.test('each fop is logged in one line with its arguments and its answer', async t => {
  const lines = await traced(t);
  t.strictSame(
    lines.map(({ msg }) => String(msg).replaceAll(/[0-9a-f]{32}/g, 'GFID')),
    [
      'lookup(inode 01, "f") = {iatt: {gfid: GFID, type: 1, mode: 420, size: 0}, parent: {gfid: 01, type: 2, mode: 493, size: 4096}}',
      'lookup(inode 01, "nothing") = ENOENT',
      'writev(anonymous fd GFID, 3000 bytes, 0, 0) = {before: {gfid: GFID, type: 1, mode: 420, size: 0}, after: {gfid: GFID, type: 1, mode: 420, size: 3000}, count: 3000, stable: 2}',
    ],
  );
  t.match(lines[0], { level: 30, xlator: 'v1', fop: 'lookup', uid: 0, gid: 0, client: '192.0.2.1', us: Number });
});

t.test('only the fops that are enabled are logged', async t => {
  t.strictSame(
    (await traced(t, 'include-ops=writev,readv')).map(line => line.fop),
    ['writev'],
  );
  t.strictSame(
    (await traced(t, 'fops=LOOKUP')).map(line => line.fop),
    ['lookup', 'lookup'],
  );
  t.strictSame(
    (await traced(t, 'include=WRITE,RCHECKSUM,READ')).map(line => line.fop),
    ['writev'],
    "GlusterFS's names",
  );
  t.strictSame(
    (await traced(t, 'exclude-ops=lookup')).map(line => line.fop),
    ['writev'],
  );
});

t.test('a reload changes which fops are logged, and at which level', async t => {
  const { log, lines } = keptLog();
  const text = (options: string) => stackOf(`debug/trace ${options}`, 'test/memory');
  const { graph, top, root } = await volumeOf(t, text('include-ops=lookup'), { env: envOf({ log }) });
  await top.stat(frame, root);
  const next = text('include-ops=stat force-log-level=WARNING');
  graph.reconfigure(await planGraph({ text: next, file: 'test.vol', registry: TEST_XLATORS }))();
  await top.stat(frame, root);
  t.match(lines, [{ fop: 'stat', level: 40 }]);
  t.equal(lines.length, 1);
});

t.test('lines have the level that the option sets', async t => {
  t.strictSame(
    (await traced(t, 'force-log-level=DEBUG')).map(line => line.level),
    [20, 20, 20],
  );
});

t.test('values of any kind are shortened', async t => {
  t.equal(summaryOf('x'.repeat(1000)), `"${'x'.repeat(80)}…"`);
  t.equal(summaryOf('line\nfeed'), '"line\\nfeed"');
  t.equal(summaryOf(undefined), 'undefined');
  t.equal(summaryOf(5n), '5');
  t.equal(summaryOf(Infinity), 'Infinity');
  t.equal(
    summaryOf(() => 5),
    'function',
  );
  t.equal(summaryOf(new Fd(new Inode(gfidOf(0xab), 1), 0)), 'fd ab');
  t.equal(summaryOf(gfidOf(0)), '00');
  t.equal(summaryOf(new Map([['user.a', Buffer.from('b')]])), '{user.a: 1 bytes}');
  t.equal(summaryOf(Array.from({ length: 100 }, (_, i) => i)), '[0, 1, 2, 3, 4, 5, 6, 7, … 100 in all]');
  t.equal(summaryOf({ a: { b: { c: { d: 1 } } } }), '{a: {b: {c: …}}}');
  const entries = Array.from({ length: 10_000 }, (_, i) => ({ name: `${i}`, ino: 5n, cookie: 7n, iatt: iattOf() }));
  t.ok(summaryOf({ entries, eof: true }).length < 2000);
});
