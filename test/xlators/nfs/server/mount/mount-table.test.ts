import { mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import pino from 'pino';
import t, { type Test } from 'tap';
import { silent } from '#src/log.ts';
import type { MountEntry } from '#src/xlators/nfs/server/mount/mount-entry.ts';
import { MountList } from '#src/xlators/nfs/server/mount/mount-table.ts';

function warnings() {
  const lines: Record<string, unknown>[] = [];
  const log = pino({ base: null }, { write: line => void lines.push(JSON.parse(line) as Record<string, unknown>) });
  return { log, lines };
}

const inMemory = (entriesMax = 100) => MountList.open({ log: silent, rmtab: '/-', entriesMax });
const listOf = async (mounts: MountList) => (await mounts.list()).map(({ host, path }) => `${host} ${path}`);

t.test('an entry is kept once, and removed by host and path', async t => {
  const mounts = await inMemory();
  mounts.add('10.0.0.1', '/a');
  mounts.add('10.0.0.1', '/b');
  mounts.add('10.0.0.2', '/a');
  mounts.add('10.0.0.1', '/a');
  t.strictSame(
    await listOf(mounts),
    ['10.0.0.1 /b', '10.0.0.2 /a', '10.0.0.1 /a'],
    'an entry that is mounted again is the youngest',
  );
  mounts.remove('10.0.0.2', '/b');
  mounts.remove('10.0.0.3', '/a');
  t.equal(mounts.size, 3);
  mounts.remove('10.0.0.1', '/a');
  t.strictSame(await listOf(mounts), ['10.0.0.1 /b', '10.0.0.2 /a']);
  mounts.add('10.0.0.1', '/c');
  mounts.removeHost('10.0.0.1');
  mounts.removeHost('10.0.0.1');
  t.strictSame(await listOf(mounts), ['10.0.0.2 /a']);
});

t.test('the table behaves like a plain list for any calls', async t => {
  const mounts = await inMemory(6);
  let plain: MountEntry[] = [];
  for (let i = 0; i < 3000; i++) {
    const host = `h${(i * 7919) % 5}`;
    const path = `/${(i * 104729) % 4}`;
    const others = plain.filter(entry => entry.host !== host || entry.path !== path);
    if (i % 17 === 0) {
      mounts.removeHost(host);
      plain = plain.filter(entry => entry.host !== host);
    } else if (i % 3 === 0) {
      mounts.remove(host, path);
      plain = others;
    } else {
      mounts.add(host, path);
      plain = [...others, { host, path }].slice(-6);
    }
  }
  t.strictSame(await mounts.list(), plain);
});

t.test('beyond the limit the oldest entry is dropped, with one warning', async t => {
  const { log, lines } = warnings();
  const mounts = await MountList.open({ log, rmtab: '/-', entriesMax: 2 });
  for (const path of ['/a', '/b', '/c', '/d']) mounts.add('h', path);
  t.strictSame(await listOf(mounts), ['h /c', 'h /d']);
  t.match(lines, [{ msg: /mount table is full/, entriesMax: 2 }]);
  t.equal(lines.length, 1);
});

const fileIn = (t: Test) => join(t.testdir({}), 'rmtab');

t.test('entries survive a restart', async t => {
  const rmtab = fileIn(t);
  {
    await using mounts = await MountList.open({ log: silent, rmtab });
    mounts.add('10.0.0.1', '/a\n\xff');
    mounts.add('2001:db8::1', '/b');
    mounts.add('10.0.0.2', '/c');
    mounts.remove('10.0.0.2', '/c');
  }
  t.equal(await readFile(rmtab, 'latin1'), '10.0.0.1:/a\\012\\377:0x00000001\n2001:db8::1:/b:0x00000001\n');
  const again = await MountList.open({ log: silent, rmtab });
  t.strictSame(await listOf(again), ['10.0.0.1 /a\n\xff', '2001:db8::1 /b']);
});

t.test('changes within a short time are written at once', async t => {
  const rmtab = fileIn(t);
  await using mounts = await MountList.open({ log: silent, rmtab, writeDelayMs: 30 });
  for (let i = 0; i < 200; i++) mounts.add('h', `/${i}`);
  await t.rejects(stat(rmtab), { code: 'ENOENT' }, 'not yet');
  await mounts.flush();
  t.equal((await readFile(rmtab, 'latin1')).split('\n').length, 201);
  const { ino } = await stat(rmtab);
  mounts.add('h', '/200');
  mounts.add('h', '/201');
  await mounts.flush();
  t.not((await stat(rmtab)).ino, ino, 'the file is replaced, and not overwritten');
});

t.test('bad lines are skipped with a warning', async t => {
  const rmtab = fileIn(t);
  await writeFile(rmtab, 'a:/x:0x1\nnonsense\nb:/y:0x1\n\x00\x01\n');
  const { log, lines } = warnings();
  const mounts = await MountList.open({ log, rmtab });
  t.strictSame(await listOf(mounts), ['a /x', 'b /y']);
  t.match(lines, [{ lines: [2, 4], count: 2, msg: /expected HOST:\/PATH:0xCOUNT/ }]);
});

t.test('a file that cannot be read or written is warned of once', async t => {
  const dir = t.testdir({});
  const { log, lines } = warnings();
  await using mounts = await MountList.open({ log, rmtab: dir, writeDelayMs: 1 });
  t.match(lines, [{ msg: /cannot read the rmtab file/ }]);
  mounts.add('h', '/x');
  await mounts.flush();
  mounts.add('h', '/y');
  await mounts.flush();
  t.equal(lines.length, 2);
  t.match(lines[1], { msg: /cannot write the rmtab file/ });
  t.equal(mounts.size, 2);
  await using missing = await MountList.open({ log, rmtab: join(dir, 'no', 'rmtab'), writeDelayMs: 1 });
  missing.add('h', '/x');
  await missing.flush();
  t.equal(lines.length, 3, 'a missing file causes no warning, and a missing folder does');
  await mkdir(join(dir, 'no'));
  missing.add('h', '/y');
  await missing.flush();
  t.equal((await readFile(join(dir, 'no', 'rmtab'), 'latin1')).split('\n').length, 3, 'later writes succeed');
});

t.test('a datagram does not undo what a connection has done', async t => {
  const mounts = await inMemory();
  mounts.add('h', '/tcp');
  mounts.add('h', '/udp', true);
  mounts.add('h', '/both');
  mounts.add('h', '/both', true);
  mounts.remove('h', '/tcp', true);
  mounts.remove('h', '/both', true);
  t.strictSame(await listOf(mounts), ['h /tcp', 'h /udp', 'h /both']);
  mounts.removeHost('h', true);
  t.strictSame(await listOf(mounts), ['h /tcp', 'h /both'], 'only entries made by datagrams are removed');
  mounts.remove('h', '/tcp');
  mounts.removeHost('h');
  t.strictSame(await listOf(mounts), []);
});

t.test('one host has a limited number of entries, and other hosts keep theirs', async t => {
  const mounts = await MountList.open({ log: silent, rmtab: '/-', perHostMax: 3 });
  mounts.add('other', '/a');
  for (let i = 0; i < 10; i++) mounts.add('greedy', `/${i}`);
  t.strictSame(await listOf(mounts), ['other /a', 'greedy /7', 'greedy /8', 'greedy /9']);
});

t.test('a large file is written rarely, and not at all for an entry that exists', async t => {
  const dir = t.testdir();
  const rmtab = join(dir, 'rmtab');
  const mounts = await MountList.open({ log: silent, rmtab, writeDelayMs: 1, perHostMax: 10_000 });
  const path = `/${'x'.repeat(1000)}`;
  for (let i = 0; i < 5000; i++) mounts.add('h', `${path}${i}`);
  await mounts.flush();
  const { mtimeMs, size } = await stat(rmtab);
  t.ok(size > 5_000_000);
  mounts.add('h', `${path}0`);
  await mounts.flush(); // This returns at once, because there is nothing to write.
  mounts.add('h', '/new');
  await new Promise(resolve => setTimeout(resolve, 300));
  t.equal(
    (await stat(rmtab)).mtimeMs,
    mtimeMs,
    'not written for each mount: a file of 5 MB is written every 20 seconds',
  );
  await mounts[Symbol.asyncDispose]();
  t.ok((await readFile(rmtab, 'latin1')).includes('\nh:/new:'), 'but written before the end');
});
