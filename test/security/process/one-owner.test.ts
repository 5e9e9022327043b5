/**
 * Promise: a state directory has one server. A second start names that server and changes nothing. A start that fails
 * because its port is taken changes nothing either.
 */
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { bricknfs, folders, type Running, serving } from '../../cli/harness.ts';

t.jobs = 2;

/** Names, sizes, times and contents of everything in a directory. */
function pictureOf(dir: string): string[] {
  return readdirSync(dir)
    .toSorted()
    .map(name => {
      const path = join(dir, name);
      const found = statSync(path);
      const sum = found.isFile() ? createHash('sha256').update(readFileSync(path)).digest('hex') : '';
      return `${name} ${found.ino} ${found.mode} ${found.size} ${found.mtimeMs} ${sum}`;
    });
}

async function withIndex(t: Test): Promise<{ running: Running; data: string; other: string; state: string }> {
  const { data, other, state } = folders(t, 'data', 'other', 'state');
  const running = await serving(t, ['--port', '0', '--stages', '2', '--state-dir', state, ...index, data]);
  return { running, data, other, state };
}

const index = ['--xlator-option', 'data-posix.index=on'];

t.test('a second server is told which server has the directory', async t => {
  const { running, data, other, state } = await withIndex(t);
  const before = pictureOf(state);
  t.ok(
    before.some(line => line.includes('.index ')),
    'the first server has an index there',
  );
  for (const dir of [data, other]) {
    const { code, stderr } = await bricknfs(['serve', '--port', '0', '--state-dir', state, dir]);
    t.equal(code, 1);
    t.equal(
      stderr,
      `bricknfs: the state directory ${state} is in use by bricknfs, process ${running.child.pid}, which serves /data ` +
        `on 127.0.0.1:${running.port}: stop that one, or give this one a directory of its own with --state-dir\n`,
    );
  }
  t.strictSame(pictureOf(state), before);
});

t.test('a second server on the same port changes nothing, with the same state directory or another one', async t => {
  const { running, data, state } = await withIndex(t);
  const before = pictureOf(state);
  const fresh = join(state, '..', 'fresh');
  for (const dir of [state, fresh]) {
    const args = ['serve', '--port', `${running.port}`, '--state-dir', dir, ...index, data];
    const { code, stderr } = await bricknfs(args);
    t.equal(code, 1);
    t.match(stderr, /^bricknfs: cannot listen on port/);
  }
  t.strictSame(pictureOf(state), before, 'nothing has changed, marks of a crash included');
  t.notOk(existsSync(fresh));
});

t.test('the directory is free after a server was killed', async t => {
  const { running, data, state } = await withIndex(t);
  running.child.kill('SIGKILL');
  await running.exited;
  const next = await serving(t, ['--port', '0', '--stages', '1', '--state-dir', state, ...index, data]);
  next.child.kill('SIGTERM');
  t.equal(await next.exited, 0);
});

t.test('of two servers with one pid file, the second refuses it, and the first removes it', async t => {
  const { data, one, two } = folders(t, 'data', 'one', 'two');
  const file = join(one, 'pid');
  const args = ['--port', '0', '--stages', '1', '-p', file, data, '--state-dir'];
  const first = await serving(t, [...args, one]);
  const second = await bricknfs(['serve', ...args, two]);
  t.equal(second.code, 1);
  t.match(second.stderr, new RegExp(`cannot write the pid file .*process ${first.child.pid}, is running and uses it`));
  t.equal(readFileSync(file, 'utf8'), `${first.child.pid}\n`);
  first.child.kill('SIGTERM');
  await first.exited;
  t.notOk(existsSync(file));

  const killed = await serving(t, [...args, one]);
  killed.child.kill('SIGKILL');
  await killed.exited;
  t.ok(existsSync(file), 'the file could not be removed');
  const next = await serving(t, [...args, one]);
  t.equal(readFileSync(file, 'utf8'), `${next.child.pid}\n`);
  writeFileSync(file, '1\n');
  next.child.kill('SIGTERM');
  await next.exited;
  t.equal(readFileSync(file, 'utf8'), '1\n', 'the file, which belongs to another process now, is left alone');
});
