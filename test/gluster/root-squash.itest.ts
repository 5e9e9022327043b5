/** A volume whose bricks squash root (`server.root-squash`). */
import t from 'tap';
import { Access, Stable } from '#src/graph/fops.ts';
import { frame, stackOf } from '../support/graph.ts';
import { anna, peopleOf } from '../suites/people.ts';
import { failure } from '../suites/xlator/hand.ts';
import { enterBed, HOST } from './support/bed.ts';
import { emptied } from './support/emptied.ts';
import { GlusterVolume } from './support/volume.ts';

enterBed(import.meta.filename);
t.setTimeout(300_000);

t.test('root neither reads nor writes what the bricks keep from it', async t => {
  const volume = await GlusterVolume.for(t, 'plain');
  const { path } = volume.bricks[0]!;
  const stack = stackOf('features/two-step', `protocol/client remote-host=${HOST} remote-subvolume=${path}`);
  const { top, fileOf } = await peopleOf(await emptied(t, stack));
  const own = await fileOf(frame, 'own', 0o600, 'secret');
  const users = await fileOf(anna, 'users', 0o600, 'secret');
  const open = await fileOf(anna, 'open', 0o666, 'open');
  t.equal((await top.readv(frame, users.fd, 9, 0)).data.toString(), 'secret', 'without it root does both');

  await volume.set({ 'server.root-squash': 'on' });
  // The brick takes the option over some time after glusterd has told it to.
  while ((await top.access(frame, own, Access.READ)).granted !== 0) await new Promise(resolve => setImmediate(resolve));
  for (const inode of [own, users]) {
    t.equal((await failure(top.readv(frame, inode.fd, 9, 0))).code, 'EACCES');
    t.equal((await failure(top.writev(frame, inode.fd, Buffer.from('x'), 0, Stable.UNSTABLE))).code, 'EACCES');
  }
  t.equal((await top.readv(frame, open.fd, 9, 0)).data.toString(), 'open');
});
