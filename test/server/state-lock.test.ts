/** One server owns a state directory. Another server is told which one does. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { StateLock } from '#src/server/state-lock.ts';

const MODULE = join(import.meta.dirname, '../../src/server/state-lock.ts');

function makeDir(t: Test): string {
  const dir = mkdtempSync(join(tmpdir(), 'bricknfs-lock-'));
  t.teardown(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

/** Starts another process that holds the lock of `dir` until it is killed. */
async function holder(t: Test, dir: string, more = ''): Promise<ChildProcess> {
  const text = `
    import { StateLock } from ${JSON.stringify(MODULE)};
    globalThis.kept = await StateLock.take(${JSON.stringify(dir)}, ['/a', '/b', '/c'], '127.0.0.1:2049');
    ${more}
    console.log('locked');
    setInterval(() => {}, 1000);`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', text], { stdio: ['ignore', 'pipe', 'inherit'] });
  t.teardown(() => child.kill('SIGKILL'));
  await once(child.stdout, 'data');
  return child;
}

const take = (dir: string) => StateLock.take(dir, ['/data'], '127.0.0.1:3049');

t.test(
  'the second server is told which process has the directory, and the directory is free once that process was killed',
  async t => {
    const dir = makeDir(t);
    const child = await holder(t, dir);
    await t.rejects(take(dir), {
      message:
        `the state directory ${dir} is in use by bricknfs, process ${child.pid}, which serves /a and 2 more on ` +
        '127.0.0.1:2049: stop that one, or give this one a directory of its own with --state-dir',
    });
    child.kill('SIGKILL');
    await once(child, 'exit');
    const own = await take(dir);
    t.equal((JSON.parse(readFileSync(join(dir, 'lock'), 'utf8')) as { pid: number }).pid, process.pid);
    await t.rejects(take(dir), new RegExp(`process ${process.pid}, which serves /data on`));
    await own[Symbol.asyncDispose]();
    t.equal(readFileSync(join(dir, 'lock'), 'utf8'), '', 'the former owner is no longer named');
    await using again = await take(dir);
    t.ok(again);
  },
);

t.test('children of the owner do not hold the lock', async t => {
  const dir = makeDir(t);
  const spawning = `
    const { spawn } = await import('node:child_process');
    console.log(spawn('sleep', ['60'], { stdio: 'ignore', detached: true }).pid);`;
  const child = spawn(
    process.execPath,
    [
      '--input-type=module',
      '-e',
      `import { StateLock } from ${JSON.stringify(MODULE)};
       globalThis.kept = await StateLock.take(${JSON.stringify(dir)}, [], '');
       ${spawning}
       setInterval(() => {}, 1000);`,
    ],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  const [line] = (await once(child.stdout, 'data')) as [Buffer];
  t.teardown(() => process.kill(Number(line)));
  child.kill('SIGKILL');
  await once(child, 'exit');
  await using own = await take(dir);
  t.ok(own, 'the lock is free although the child lives');
});

t.test('a removed file is not a lock, and an unreadable one only says that the directory is in use', async t => {
  const dir = makeDir(t);
  const child = await holder(t, dir, `(await import('node:fs')).truncateSync(${JSON.stringify(join(dir, 'lock'))});`);
  await t.rejects(take(dir), /is in use by another bricknfs: stop that one/);
  rmSync(join(dir, 'lock'));
  await using own = await take(dir);
  t.ok(own, 'the file is a new one');
  child.kill('SIGKILL');
});

t.test('of eight servers that start at the same time one gets the directory', async t => {
  const dir = makeDir(t);
  const taken = await Promise.allSettled(Array.from({ length: 8 }, () => take(dir)));
  const got = taken.filter(result => result.status === 'fulfilled');
  t.equal(got.length, 1);
  await got[0]!.value[Symbol.asyncDispose]();
});

t.test('a directory that cannot be written is refused with a remedy', async t => {
  await t.rejects(take('/proc'), /^the state directory \/proc cannot be locked: .*; choose another with --state-dir$/);
});
