/** How fast changes of volfiles are followed. */
import t from 'tap';
import { Pace } from '#src/glusterd/pace.ts';

t.test('twenty changes are followed at once, and then one each five seconds', async t => {
  const pace = new Pace();
  const waits = Array.from({ length: 23 }, () => pace.wait(1000));
  t.strictSame(waits, [...Array.from({ length: 20 }, () => 0), 5000, 10_000, 15_000]);
});

t.test('after a while it is as at first', async t => {
  const pace = new Pace();
  for (let i = 0; i < 20; i++) pace.wait(0);
  t.equal(pace.wait(2000), 3000);
  t.equal(pace.wait(7000), 3000, 'the next, when that one was waited for');
  t.strictSame(
    Array.from({ length: 20 }, () => pace.wait(1_000_000)),
    Array.from({ length: 20 }, () => 0),
  );
});
