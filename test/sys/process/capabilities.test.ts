import { readFileSync } from 'node:fs';
import t from 'tap';
import { describeLimits, dropReserve, parseCapabilities } from '#src/sys/process/capabilities.ts';

const all = parseCapabilities('CapEff:\t000001ffffffffff\n');
/** The default capabilities of a container. */
const container = parseCapabilities('CapInh:\t0\nCapEff:\t00000000a80425fb\n');
const none = parseCapabilities('CapEff:\t0000000000000000\n');

t.test('the bits of CapEff are read', async t => {
  t.ok(Object.values(all).every(Boolean));
  t.notOk(Object.values(none).some(Boolean));
  t.match(container, { chown: true, dacOverride: true, setuid: true, setgid: true, mknod: true, fowner: true });
  t.match(container, { dacReadSearch: false, sysResource: false });
  t.notOk(Object.values(parseCapabilities('')).some(Boolean));
});

t.test('missing capabilities are described in words', async t => {
  t.same(describeLimits(all, 0), []);
  t.match(describeLimits(container, 0), [/index in the state directory/]);
  t.match(describeLimits(none, 1000), [/all callers act as uid 1000/, /index in the state directory/]);
  t.match(describeLimits(none, 0), [/all callers act as uid 0/, /index/]);
  t.match(describeLimits({ ...all, chown: false, mknod: false, fowner: false, dacOverride: false }, 0), { length: 4 });
});

t.test('the right to reserved blocks is given up', async t => {
  dropReserve();
  dropReserve();
  t.notOk(parseCapabilities(readFileSync('/proc/thread-self/status', 'latin1')).sysResource);
});
