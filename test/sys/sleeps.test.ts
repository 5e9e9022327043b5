import t from 'tap';
import { sleeps } from '#src/sys/sleeps.ts';

t.test('waiting counts, working does not', async t => {
  const before = sleeps();
  const lock = new Int32Array(new SharedArrayBuffer(4));
  for (let i = 0; i < 5; i++) Atomics.wait(lock, 0, 0, 2);
  const slept = sleeps();
  t.ok(slept - before >= 5, `${slept - before} sleeps`);
  let sum = 0;
  for (let i = 0; i < 1e6; i++) sum += i;
  t.ok(sum > 0);
  t.ok(sleeps() - slept < 5, 'a busy loop does not sleep');
});
