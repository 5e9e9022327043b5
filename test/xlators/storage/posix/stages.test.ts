/** A brick in a worker thread, beside another in the main one: identities and rights are each thread's own. */
import { chmodSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import t from 'tap';
import { asServer } from '#src/sys/process/identity.ts';
import { codeOf, codeOfGone, inodeOf, makePlace, other, root, startBrick, user } from './support/brick-test.ts';

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

t.test('two stages', { skip: process.geteuid!() !== 0 && 'needs root' }, async t => {
  const { path, ...place } = makePlace(t);
  chmodSync(path('.'), 0o777);
  const brick = await startBrick(t, { ...place, path });
  const made = (await brick.fops.create(user, brick.root, 'main', { mode: 'guarded', attr: { mode: 0o666 } })).iatt;
  t.equal(made.mode, 0o666, 'no umask');
  const support = new URL('./support/brick-test.ts', import.meta.url).href;
  const worker = new Worker(WORKER, { eval: true, workerData: { support, place } });
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

t.test(
  'two stages by one index see each other’s renames',
  { skip: process.geteuid!() !== 0 && 'needs root' },
  async t => {
    const place = makePlace(t, mkdtempSync(join(tmpdir(), 'stages-')));
    t.teardown(() => {
      asServer();
      rmSync(join(place.dir, '../..'), { recursive: true, force: true });
    });
    const [a, b] = [await startBrick(t, place, { index: 'on' }), await startBrick(t, place, { index: 'on' })];
    const made = (await a.fops.create(root, a.root, 'f', { mode: 'guarded', attr: {} })).iatt;
    await a.fops.rename(root, a.root, 'f', a.root, 'g');
    t.match(await b.fops.stat(root, inodeOf(made)), { size: 0 });
    await a.fops.unlink(root, a.root, 'g');
    t.equal(await codeOfGone(() => b.fops.stat(root, inodeOf(made))), 'ESTALE');
  },
);
