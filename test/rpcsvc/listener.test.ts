import t from 'tap';
import { silent } from '#src/log.ts';
import { Listener } from '#src/rpcsvc/listener.ts';

t.test('a listener tells its address, also when it has closed', async t => {
  const listener = await Listener.start({ host: '127.0.0.1', port: 0 }, () => {}, silent);
  const { address } = listener;
  t.match(address, { address: '127.0.0.1', port: Number });
  await listener.close();
  t.strictSame(listener.address, address);
});
