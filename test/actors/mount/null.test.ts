import t from 'tap';
import { hex } from '../../support/hex.ts';
import { ACCEPTED, mountCall, serveMount } from '../../support/mount.ts';

const cases = [
  { name: 'version 1', call: mountCall('00000001', '00000000'), reply: `${ACCEPTED} 00000000` },
  { name: 'version 3', call: mountCall('00000003', '00000000'), reply: `${ACCEPTED} 00000000` },
  { name: 'arguments, of which it has none', call: mountCall('00000003', '00000000', '00000000'), reply: `${ACCEPTED} 00000004` },
  { name: 'version 2', call: mountCall('00000002', '00000000'), reply: `${ACCEPTED} 00000000` },
  { name: 'version 4: PROG_MISMATCH, from 1 to 3', call: mountCall('00000004', '00000000'), reply: `${ACCEPTED} 00000002 00000001 00000003` },
  { name: 'procedure 6: PROC_UNAVAIL', call: mountCall('00000003', '00000006'), reply: `${ACCEPTED} 00000003` },
]; // prettier-ignore

for (const { name, call, reply } of cases) {
  t.test(name, async t => {
    const { exchange } = await serveMount(t);
    t.equal((await exchange(call)).toString('hex'), hex(reply).toString('hex'));
  });
}
