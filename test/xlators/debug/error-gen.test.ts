import t from 'tap';
import { errnoOf } from '#src/errno.ts';
import { planGraph } from '#src/graph/plan.ts';
import { ALL_FOPS } from '#src/graph/xlator.ts';
import { envOf, frame, stackOf, TEST_XLATORS, volumeOf } from '../../support/graph.ts';
import { callFop, passThroughSuite } from '../../suites/pass-through.ts';
import { xlatorSuite } from '../../suites/xlator.ts';

passThroughSuite(t, ['debug/error-gen']);
passThroughSuite(t, ['debug/error-gen failure=100 enable=stat'], ['stat']);
xlatorSuite(t, 'debug/error-gen', t => volumeOf(t, stackOf('debug/error-gen', 'test/memory')));

/** The outcome of each of `count` calls: the errno that it fails with, if any. */
async function failures(t: Parameters<typeof volumeOf>[0], options: string, count: number, stage = 0) {
  const { top, root } = await volumeOf(t, stackOf(`debug/error-gen ${options}`, 'test/memory'), {
    env: envOf({ stage }),
  });
  const failed: [number, string | undefined][] = [];
  for (let call = 1; call <= count; call++) {
    await top.stat(frame, root).catch((error: unknown) => failed.push([call, errnoOf(error)]));
  }
  return failed;
}

t.test('the calls that the option names fail', async t => {
  t.strictSame(await failures(t, 'nth=3,5 error-no=ENOSPC', 10), [
    [3, 'ENOSPC'],
    [5, 'ENOSPC'],
  ]);
});

t.test('all calls fail, with EIO by default', async t => {
  t.strictSame(await failures(t, 'failure=100', 2), [
    [1, 'EIO'],
    [2, 'EIO'],
  ]);
  const { top } = await volumeOf(t, stackOf('debug/error-gen failure=100', 'test/memory'));
  for (const fop of ALL_FOPS) {
    await t.rejects(callFop(top, fop), { code: 'EIO', message: /^EIO: v1 fails call \d+$/ }, fop);
  }
});

t.test('a share of the calls fails, the same ones for the same seed', async t => {
  const some = await failures(t, 'failure=10%', 1000);
  t.ok(some.length > 60 && some.length < 150, `${some.length} of 1000`);
  t.strictSame(await failures(t, 'failure=10% seed=1', 1000), some);
  t.notSame(await failures(t, 'failure=10% seed=7', 1000), some);
  t.notSame(await failures(t, 'failure=10%', 1000, 1), some, 'another stage fails other calls');
});

t.test('a reload counts the calls anew', async t => {
  const text = (nth: number) => stackOf(`debug/error-gen nth=${nth}`, 'test/memory');
  const { graph, top, root } = await volumeOf(t, text(9));
  for (let call = 1; call <= 5; call++) await top.stat(frame, root); // in order
  graph.reconfigure(await planGraph({ text: text(2), file: 'test.vol', registry: TEST_XLATORS }))();
  await top.stat(frame, root);
  await t.rejects(top.stat(frame, root), { code: 'EIO' });
});

t.test('other fops neither fail nor count', async t => {
  t.strictSame(await failures(t, 'nth=1 enable=lookup', 5), []);
});

t.test('an unknown error is refused', async t => {
  await t.rejects(failures(t, 'error-no=EWHAT', 1), {
    message: 'test.vol:7: expected the name of an errno, such as EIO or ENOSPC for option error-no, found "EWHAT"',
  });
});
