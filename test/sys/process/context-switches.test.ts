import t from 'tap';
import { contextSwitches } from '#src/sys/process/context-switches.ts';

t.test('waiting counts as a context switch, and working does not', async t => {
  const before = contextSwitches();
  const lock = new Int32Array(new SharedArrayBuffer(4));
  for (let i = 0; i < 5; i++) Atomics.wait(lock, 0, 0, 2);
  const slept = contextSwitches();
  t.ok(slept - before >= 5, `${slept - before} sleeps`);
  // V8 may wait for its own threads from time to time, so the best of several tries counts.
  let fewest = Infinity;
  let sum = 0;
  for (let tries = 0; tries < 10; tries++) {
    const from = contextSwitches();
    for (let i = 0; i < 1e5; i++) sum += i;
    fewest = Math.min(fewest, contextSwitches() - from);
  }
  t.ok(sum > 0);
  t.equal(fewest, 0, 'a busy loop does not sleep');
});
