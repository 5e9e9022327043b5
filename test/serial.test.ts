import t from 'tap';
import { Serial } from '#src/serial.ts';

t.test('tasks run one after the other, in order', async t => {
  const serial = new Serial();
  const events: string[] = [];
  const first = Promise.withResolvers<void>();
  const a = serial.run(async () => {
    events.push('a begins');
    await first.promise;
    events.push('a ends');
    return 1;
  });
  const b = serial.run(() => {
    events.push('b');
    return 2;
  });
  await new Promise(resolve => setImmediate(resolve));
  t.strictSame(events, ['a begins']);
  first.resolve();
  t.strictSame(await Promise.all([a, b]), [1, 2]);
  t.strictSame(events, ['a begins', 'a ends', 'b']);
});

t.test('the failure of a task reaches its caller only, and the next task runs', async t => {
  const serial = new Serial();
  const failed = serial.run(() => Promise.reject(new Error('no')));
  const thrown = serial.run(() => {
    throw new Error('thrown');
  });
  const next = serial.run(() => 'next');
  await t.rejects(failed, { message: 'no' });
  await t.rejects(thrown, { message: 'thrown' });
  t.equal(await next, 'next');
});
