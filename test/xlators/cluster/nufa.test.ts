import t from 'tap';
import { contentsOf } from '../../support/memory/contents.ts';
import { Memory } from '../../support/memory/memory.ts';
import { frame, volumeOf, xlatorOf } from '../../support/graph.ts';
import { Hand } from '../../suites/xlator/hand.ts';
import { distributed } from './distribute/support.ts';

t.test('the data of new files are on the near subvolume, and found from where they belong', async t => {
  const volume = await volumeOf(t, distributed(3, 'nufa', ['local-volume-name b1']));
  const hand = new Hand(volume);
  const names = Array.from({ length: 30 }, (_, i) => `file-${i}`);
  for (const name of names) await hand.file(name, `data of ${name}`);
  const at = (child: number) => contentsOf(xlatorOf(volume.top, `m${child}`, Memory));
  for (const name of names) t.equal(at(1)[`/${name}`]?.data, `data of ${name}`);
  const linktos = [0, 2].flatMap(child => Object.values(at(child)).filter(({ mode }) => mode === 0o1000));
  t.ok(linktos.length > 10, 'others have linkto files');
  for (const name of names) t.equal(await hand.content(await hand.lookup(hand.root, name)), `data of ${name}`);
  t.equal((await volume.top.lookup(frame, hand.root, 'file-0')).iatt.size, 14);
});

t.test('without a near subvolume, or one that is not there, files are where they belong', async t => {
  for (const options of [[], ['local-volume-name elsewhere']]) {
    const volume = await volumeOf(t, distributed(3, 'nufa', options));
    const hand = new Hand(volume);
    for (let i = 0; i < 10; i++) await hand.file(`file-${i}`);
    const bricks = [0, 1, 2].map(child => contentsOf(xlatorOf(volume.top, `m${child}`, Memory)));
    t.notOk(bricks.some(brick => Object.values(brick).some(({ mode }) => mode === 0o1000)));
  }
});
