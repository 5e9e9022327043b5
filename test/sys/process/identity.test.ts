import { accessSync, chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import t from 'tap';
import { identityOf, ROOT } from '#src/graph/identity.ts';
import { asCaller, asServer, canSwitch, SERVER, uidOf } from '#src/sys/process/identity.ts';

const skip = !canSwitch && 'needs root';

/** The identity of this thread, read from the kernel. */
function rights() {
  const status = readFileSync('/proc/thread-self/status', 'latin1');
  const line = (name: string) => new RegExp(`^${name}:[ \\t]*(.*?)[ \\t]*$`, 'm').exec(status)![1]!.split(/[ \t]+/);
  return {
    uid: Number(line('Uid')[3]),
    gid: Number(line('Gid')[3]),
    groups: line('Groups').filter(Boolean).map(Number),
  };
}

t.test('the kernel knows a switch of identity, and the switch back', { skip }, async t => {
  const server = rights();
  t.teardown(asServer);
  for (const identity of [identityOf(1000, 1001, [5, 6]), identityOf(1000, 1001), identityOf(65_534, 65_534), ROOT]) {
    asCaller(identity);
    t.same(rights(), { uid: identity.uid, gid: identity.gid, groups: identity.groups });
    asCaller(identity);
    t.same(rights().uid, identity.uid);
  }
  asServer();
  t.same(rights(), server);
  t.equal(uidOf(identityOf(7, 7)), 7);
});

t.test('modes apply to the caller in this thread, and not to the thread pool', { skip }, async t => {
  const dir = mkdtempSync(join(tmpdir(), 'identity-'));
  t.teardown(() => {
    asServer();
    rmSync(dir, { recursive: true });
  });
  const file = join(dir, 'secret');
  writeFileSync(file, 'x', { mode: 0o600 });
  chmodSync(dir, 0o755);
  await readFile(file);
  asCaller(identityOf(1000, 1000));
  t.throws(() => accessSync(file, 4) ?? readFileSync(file), { code: 'EACCES' });
  t.equal(await readFile(file, 'utf8'), 'x');
  asServer();
  t.equal(readFileSync(file, 'utf8'), 'x');
});

t.test('too many groups are cut, and not refused', { skip }, async t => {
  t.teardown(asServer);
  asCaller(
    identityOf(
      1000,
      1000,
      Array.from({ length: 2000 }, (_, i) => i + 1),
    ),
  );
  t.equal(rights().groups.length, 1024);
});

t.test('a thread made while its creator acts as a caller has the server’s identity all the same', { skip }, async t => {
  t.teardown(asServer);
  asCaller(identityOf(1000, 1000, [9]));
  const module = new URL('../../../src/sys/process/identity.ts', import.meta.url).href;
  const code = `
    const { parentPort } = require('node:worker_threads');
    import(${JSON.stringify(module)}).then(() => {
      parentPort.postMessage(require('node:fs').readFileSync('/proc/thread-self/status', 'latin1'));
    });`;
  const worker = new Worker(code, { eval: true });
  const status = await new Promise<string>((resolve, reject) => {
    worker.once('message', resolve);
    worker.once('error', reject);
  });
  await worker.terminate();
  t.match(status, new RegExp(`^Uid:.*\\t${SERVER.uid}$`, 'm'));
  const effective = (text: string) => /^CapEff:\s*(\S+)/m.exec(text)![1];
  asServer();
  t.equal(
    effective(status),
    effective(readFileSync('/proc/thread-self/status', 'latin1')),
    "the new thread has all of the server's rights",
  );
});
