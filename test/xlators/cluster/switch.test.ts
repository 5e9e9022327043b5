import t from 'tap';
import { Switch } from '#src/xlators/cluster/switch.ts';
import { contentsOf } from '../../support/memory/contents.ts';
import { Memory } from '../../support/memory/memory.ts';
import { volumeOf, xlatorOf } from '../../support/graph.ts';
import { Hand } from '../../suites/xlator/hand.ts';
import { distributed } from './distribute/support.ts';

t.test('patterns say where the data of new files go', async t => {
  const volume = await volumeOf(t, distributed(3, 'switch', ['pattern.switch.case *.jpg:b1;a.?:b0,b2']));
  const hand = new Hand(volume);
  const names = ['1.jpg', '2.jpg', '3.jpg', '.jpg', 'a.1', 'a.2', 'a.3', 'other', 'jpg', 'xjpg'];
  for (const name of names) await hand.file(name, 'data', hand.root);
  const at = (child: number) =>
    Object.entries(contentsOf(xlatorOf(volume.top, `m${child}`, Memory)))
      .filter(([, { data }]) => data === 'data')
      .map(([path]) => path.slice(1));
  const [b0, b1, b2] = [at(0), at(1), at(2)];
  for (const name of names.slice(0, 4)) t.ok(b1.includes(name), name);
  for (const name of names.slice(4, 7)) t.ok(b0.includes(name) || b2.includes(name), name);
  t.strictSame([...b0, ...b1, ...b2].sort(), [...names].sort(), 'each has its data once');
});

t.test('the patterns are read as GlusterFS writes them', async t => {
  const option = Switch.options['pattern.switch.case'];
  const parsed = option.parse('*.jpg:a,b;x[0-9]?:c')!;
  t.match(parsed, [
    { pattern: '*.jpg', subvolumes: ['a', 'b'] },
    { pattern: 'x[0-9]?', subvolumes: ['c'] },
  ]);
  t.ok(parsed[1]!.matches.test('x1y') && !parsed[1]!.matches.test('x1'));
  t.equal(option.show!(parsed), '*.jpg:a,b;x[0-9]?:c');
  for (const wrong of ['*.jpg', ':a', '*.jpg:', '*.jpg:a,,b', '[:a']) t.equal(option.parse(wrong), undefined, wrong);
});
