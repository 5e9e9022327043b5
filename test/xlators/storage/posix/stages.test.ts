/** A brick in a worker thread, beside another in the main thread. Each thread has its own identity and rights. */
import { once } from 'node:events';
import { chmodSync, statSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import t from 'tap';
import type { Iatt } from '#src/graph/iatt.ts';
import { codeOf, inodeOf, makePlace, needsRoot, other, root, startBrick, user } from './support/brick-test.ts';

const SUPPORT = new URL('./support/brick-test.ts', import.meta.url).href;

const WORKER = `
  const { parentPort, workerData } = require('node:worker_threads');
  (async () => {
    const { codeOf, inodeOf, other, root, startBrick, user } = await import(workerData.support);
    const brick = await startBrick({ teardown: () => {} }, workerData.place);
    const { iatt } = await brick.fops.create(user, brick.root, 'worker', { mode: 'guarded', attr: { mode: 0o600 } });
    const shared = (await brick.fops.lookup(root, brick.root, 'main')).iatt;
    parentPort.postMessage({
      uid: iatt.uid,
      denied: await codeOf(brick.fops.readv(other, inodeOf(iatt).fd, 1, 0)),
      mode: iatt.mode,
      gfid: Buffer.from(shared.gfid).toString('hex'),
    });
    await brick.stop();
  })().catch(error => { throw error; });
`;

t.test('two stages act with their own identities', needsRoot, async t => {
  const { path, ...place } = makePlace(t);
  chmodSync(path('.'), 0o777);
  const brick = await startBrick(t, { ...place, path });
  const made = (await brick.fops.create(user, brick.root, 'main', { mode: 'guarded', attr: { mode: 0o666 } })).iatt;
  t.equal(made.mode, 0o666, 'no umask');
  const worker = new Worker(WORKER, { eval: true, workerData: { support: SUPPORT, place } });
  const answer = await new Promise<Record<string, unknown>>((resolve, reject) => {
    worker.on('message', message => 'uid' in message && resolve(message));
    worker.once('error', reject);
  });
  await new Promise(resolve => worker.once('exit', resolve));
  t.match(answer, { uid: 1000, denied: 'EACCES', mode: 0o600, gfid: made.gfid.toString('hex') });
  const file = inodeOf((await brick.fops.lookup(root, brick.root, 'worker')).iatt);
  t.equal(await codeOf(brick.fops.readv(other, file.fd, 1, 0)), 'EACCES');
  t.ok(statSync(path('worker')).isFile());
});

/** For each handle that is posted, answers with the size of its file or the code of the error. */
const STATS = `
  const { parentPort, workerData } = require('node:worker_threads');
  (async () => {
    const { codeOf, codeOfGone, inodeOf, root, startBrick } = await import(workerData.support);
    const brick = await startBrick({ teardown: () => {} }, workerData.place, { index: 'on' });
    parentPort.on('message', async ({ iatt, gone }) => {
      if (iatt === undefined) return brick.stop().then(() => parentPort.close());
      const stat = () => brick.fops.stat(root, inodeOf({ ...iatt, gfid: Buffer.from(iatt.gfid) }));
      const answer = await (gone ? codeOfGone(stat) : codeOf(stat()));
      parentPort.postMessage(answer?.size ?? answer);
    });
    parentPort.postMessage('ready');
  })().catch(error => { throw error; });
`;

t.test('stages in two threads with one index see each other’s changes', needsRoot, async t => {
  const place = makePlace(t);
  const brick = await startBrick(t, place, { index: 'on' });
  const workerData = { support: SUPPORT, place: { dir: place.dir, stateDir: place.stateDir } };
  const worker = new Worker(STATS, { eval: true, workerData });
  t.teardown(() => worker.terminate());
  const answer = async () => ((await once(worker, 'message')) as [unknown])[0];
  t.equal(await answer(), 'ready');
  const ask = (iatt: Iatt | undefined, gone = false) => {
    worker.postMessage({ iatt: iatt && { gfid: iatt.gfid, type: iatt.type }, gone });
    return answer();
  };

  const made = (await brick.fops.create(root, brick.root, 'f', { mode: 'guarded', attr: { size: 3 } })).iatt;
  t.equal(await ask(made), 3, 'a file that the other stage has made');
  await brick.fops.rename(root, brick.root, 'f', brick.root, 'g');
  t.equal(await ask(made), 3, 'the file after a rename');
  const dir = inodeOf((await brick.fops.mkdir(root, brick.root, 'dir', { mode: 0o755 })).iatt);
  await brick.fops.rename(root, brick.root, 'g', dir, 'h');
  await brick.fops.setattr(root, inodeOf(made), { size: 5 });
  t.equal(await ask(made), 5, 'the file after a move to a new directory');
  await brick.fops.unlink(root, dir, 'h');
  t.equal(await ask(made, true), 'ESTALE', 'the file after its removal');
  worker.postMessage({});
  await once(worker, 'exit');
});
