/** What bricks of real GlusterFS tell their clients of their own accord, and settings that change while they are used. */
import { appendFileSync, chmodSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import type { GraphEvent } from '#src/graph/event.ts';
import { frame } from '../../support/graph.ts';
import { connectedBrick } from '../../support/gluster/one-brick.ts';
import { enterBed } from '../support/bed.ts';
import { GlusterVolume } from '../support/volume.ts';

enterBed(import.meta.filename);
t.setTimeout(200_000);

const about = (what: 'changed' | 'contention', gfid: Buffer) => (event: GraphEvent) =>
  event.kind === 'upcall' && event.about === what && event.gfid.equals(gfid);

t.test('what another client changes', async t => {
  const volume = await GlusterVolume.for(t, 'plain', { 'features.cache-invalidation': 'on' });
  const dir = await volume.mount(t);
  const path = join(dir, 'f');
  writeFileSync(path, 'text');
  const { top, root, find } = await connectedBrick(t, volume.bricks[0]!.path);
  const inode = await find('f');
  for (const change of [() => appendFileSync(path, 'more'), () => chmodSync(path, 0o600)]) {
    const told = top.next(about('changed', inode.gfid));
    change();
    await told;
    await top.stat(frame, inode); // a brick tells those who have asked since
  }
  await top.readdirp(frame, root.fd, 65_536, 0n);
  const told = Promise.all([top.next(about('changed', inode.gfid)), top.next(about('changed', root.gfid))]);
  rmSync(path);
  await told;
  t.pass('the file, and the directory that it was removed from');
});

t.test('a lock that another client waits for', async t => {
  const volume = await GlusterVolume.for(t, 'plain', { 'features.locks-notify-contention': 'on' });
  const { path } = volume.bricks[0]!;
  const [holder, other] = [await connectedBrick(t, path), await connectedBrick(t, path)];
  const made = await holder.top.create(frame, holder.root, 'f', { mode: 'guarded', attr: { mode: 0o600 } });
  const mine = holder.table.link(made.iatt, holder.root, 'f');
  const theirs = await other.find('f');
  const as = (name: string) => ({ ...frame, lkOwner: Buffer.from(name) });
  const lock = { type: 'write', start: 0n, length: 0n } as const;

  await holder.top.inodelk(as('owner 1'), 'domain', mine, lock, true);
  const told = holder.top.next(about('contention', mine.gfid));
  const waiting = other.top.inodelk(as('owner 2'), 'domain', theirs, lock, true);
  await told;
  await holder.top.inodelk(as('owner 1'), 'domain', mine, { ...lock, type: 'unlock' }, false);
  await waiting;

  await holder.top.entrylk(as('owner 1'), 'domain', holder.root, 'name', 'write', true);
  const stop = new AbortController();
  const given = { ...as('owner 2'), signal: stop.signal };
  const givenUp = other.top.entrylk(given, 'domain', other.root, 'name', 'write', true);
  stop.abort();
  await t.rejects(givenUp, { code: 'EINTR' }, 'a lock is not waited for when nothing needs it any more');
  await holder.top.entrylk(as('owner 1'), 'domain', holder.root, 'name', 'unlock', false);
  await holder.top.entrylk(as('owner 3'), 'domain', holder.root, 'name', 'write', true);
  t.pass('and given back when it comes nevertheless');
});

t.test('a lock on all names of a directory, for which another client waits', async t => {
  const volume = await GlusterVolume.for(t, 'plain');
  const { path } = volume.bricks[0]!;
  const [holder, other] = [await connectedBrick(t, path), await connectedBrick(t, path)];
  const as = (name: string) => ({ ...frame, lkOwner: Buffer.from(name) });
  const key = 'glusterfs.entrylk-count';
  const count = async () => (await holder.top.discover(frame, holder.root.gfid, undefined, new Map([[key, 0]]))).xdata;
  t.strictSame(await count(), new Map([[key, 0]]));
  await holder.top.entrylk(as('owner 1'), 'domain', holder.root, undefined, 'write', false);
  t.strictSame(await count(), new Map([[key, 1]]));
  const tried = other.top.entrylk(as('owner 2'), 'domain', other.root, 'name', 'write', false);
  await t.rejects(tried, { code: 'EAGAIN' });
  const waiting = other.top.entrylk(as('owner 2'), 'domain', other.root, 'name', 'write', true);
  while ((await count())?.get(key) === 1) await sleep(5);
  t.strictSame(await count(), new Map([[key, 2]]), 'those that wait are counted');
  await holder.top.entrylk(as('owner 1'), 'domain', holder.root, undefined, 'unlock', false);
  const again = holder.top.entrylk(as('owner 3'), 'domain', holder.root, undefined, 'write', false);
  await t.rejects(again, { code: 'EAGAIN' }, 'and have it before the one who has given it up');
  await waiting;
  await other.top.entrylk(as('owner 2'), 'domain', other.root, 'name', 'unlock', false);
});
