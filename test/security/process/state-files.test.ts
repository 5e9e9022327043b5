/**
 * Promise: the server never follows, waits for, trusts or destroys what other users have put at a path of its own. Each
 * file that the server keeps is tried with each kind of object that could be in its place.
 */
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { PidFile } from '#src/cli/commands/pid-file.ts';
import { silent } from '#src/log.ts';
import { ControlSocket } from '#src/server/control/control.ts';
import { StateLock } from '#src/server/state-lock.ts';
import { handleKey, openStateDir } from '#src/server/state.ts';
import { MountList } from '#src/xlators/nfs/server/mount/mount-table.ts';

const asRoot = process.geteuid!() === 0;
const STRANGER = 4711;
const KEY = Buffer.alloc(16, 0x11);

function makeHome(t: Test): string {
  const home = mkdtempSync(join(tmpdir(), 'bricknfs-own-'));
  t.teardown(() => rmSync(home, { recursive: true, force: true }));
  return home;
}

/** A file that must not change. The symlinks point to it. */
interface Victim {
  readonly path: string;
  readonly content: Buffer;
}

/** The kinds of object that may be at a path. */
const STANDING: Readonly<Record<string, (path: string, victim: Victim) => void>> = {
  'a symlink to a file': (path, victim) => symlinkSync(victim.path, path),
  'a symlink to nothing': (path, victim) => symlinkSync(`${victim.path}-absent`, path),
  'a directory': path => mkdirSync(path),
  'a fifo': path => execFileSync('mkfifo', [path]),
  ...(asRoot && {
    "another user's file": (path, { content }) => {
      writeFileSync(path, content, { mode: 0o600 });
      chownSync(path, STRANGER, STRANGER);
    },
  }),
};

/** The files of the server, and the function that opens each. */
const FILES: Readonly<Record<string, { content: Buffer; open: (path: string, dir: string) => Promise<unknown> }>> = {
  'handle.key': { content: KEY, open: (_, dir) => handleKey(dir) },
  'shared.key': { content: KEY, open: (path, dir) => handleKey(dir, path) },
  lock: { content: Buffer.from(''), open: (_, dir) => StateLock.take(dir, ['/data'], '127.0.0.1:2049') },
  pid: { content: Buffer.from('1'), open: path => PidFile.write(path) },
};

for (const [name, { content, open }] of Object.entries(FILES)) {
  for (const [what, put] of Object.entries(STANDING)) {
    t.test(`${name}: ${what} is refused and left in place`, async t => {
      const home = makeHome(t);
      const dir = join(home, 'state');
      mkdirSync(dir);
      const victim = { path: join(home, 'victim'), content };
      writeFileSync(victim.path, content, { mode: 0o600 });
      const path = join(dir, name);
      put(path, victim);
      const before = lstatSync(path);
      await t.rejects(open(path, dir), new RegExp(`${name}.*(remove it|chown)`));
      t.ok(readFileSync(victim.path).equals(content), 'nothing was written through it');
      t.notOk(existsSync(`${victim.path}-absent`));
      t.equal(lstatSync(path).ino, before.ino);
      t.strictSame(readdirSync(dir), [name], 'no other file was made');
    });
  }
}

for (const mode of [0o644, 0o640, 0o660, 0o666, 0o604]) {
  t.test(`handle.key of mode 0${mode.toString(8)} is refused because other users may know it`, async t => {
    const dir = makeHome(t);
    const path = join(dir, 'handle.key');
    writeFileSync(path, KEY);
    chmodSync(path, mode);
    await t.rejects(handleKey(dir), new RegExp(`mode 0${mode.toString(8)}.*chmod 600 .*remove it`));
    chmodSync(path, 0o600);
    t.ok((await handleKey(dir)).equals(KEY), 'the remedy in the message works');

    chmodSync(path, mode);
    await t.rejects(
      handleKey(join(dir, 'state'), path),
      new RegExp(`mode 0${mode.toString(8)}.*chmod 600 .*or else copy it`),
    );
    chmodSync(path, 0o600);
    t.ok((await handleKey(join(dir, 'state'), path)).equals(KEY));
  });
}

for (const mode of [0o770, 0o707, 0o777, 0o1770, 0o720]) {
  t.test(
    `a state directory of mode 0${mode.toString(8)} is refused because other users can put files into it`,
    async t => {
      const dir = makeHome(t);
      chmodSync(dir, mode);
      await t.rejects(openStateDir(dir), new RegExp(`mode 0${mode.toString(8)}.*chmod go-w`));
      execFileSync('chmod', ['go-w', dir]);
      t.equal(await openStateDir(dir), dir, 'the remedy in the message works');
    },
  );
}

const needsRoot = { skip: !asRoot && 'only root can give files away' };

t.test("a state directory of another user is refused, and so is another user's symlink to one", needsRoot, async t => {
  const home = makeHome(t);
  const [theirs, own, link] = [join(home, 'theirs'), join(home, 'own'), join(home, 'link')];
  for (const dir of [theirs, own]) mkdirSync(dir);
  chownSync(theirs, STRANGER, STRANGER);
  await t.rejects(openStateDir(theirs), /the state directory .* belongs to uid 4711.*chown 0 /);
  symlinkSync(theirs, link);
  await t.rejects(openStateDir(link), /the state directory .* belongs to uid 4711/);
  rmSync(link);
  symlinkSync(own, link);
  t.equal(await openStateDir(link), own, "a symlink of the server's own user is followed once, to where it leads now");
  execFileSync('chown', ['-h', String(STRANGER), link]);
  await t.rejects(openStateDir(link), /the symlink .* belongs to uid 4711/);
  t.strictSame([readdirSync(theirs), readdirSync(own)], [[], []]);
});

t.test('in a directory shared by all users the state is in a directory of the server’s user', async t => {
  const home = makeHome(t);
  const own = join(home, `uid-${process.geteuid!()}`);
  chmodSync(home, 0o1777);
  writeFileSync(join(home, 'handle.key'), KEY, { mode: 0o600 });
  t.equal(await openStateDir(home), own);
  t.equal(lstatSync(own).mode & 0o777, 0o700);
  t.ok((await handleKey(own)).equals(KEY), 'a key of an earlier version is taken over if it is private');
  rmSync(own, { recursive: true });
  chmodSync(join(home, 'handle.key'), 0o644);
  await openStateDir(home);
  t.notOk((await handleKey(own)).equals(KEY), 'a key that others know is not taken over');
  rmSync(own, { recursive: true });
  if (asRoot) {
    mkdirSync(own);
    chownSync(own, STRANGER, STRANGER);
    await t.rejects(openStateDir(home), /the state directory .* belongs to uid 4711/);
    rmSync(own, { recursive: true });
    symlinkSync(makeHome(t), own);
    execFileSync('chown', ['-h', String(STRANGER), own]);
    await t.rejects(openStateDir(home), /the symlink .* belongs to uid 4711/);
  }
});

t.test('rmtab: what other users have put at its path, or where it is written first, is not followed', async t => {
  const home = makeHome(t);
  const victim = join(home, 'victim');
  const write = async (rmtab: string) => {
    await using mounts = await MountList.open({ log: silent, rmtab, writeDelayMs: 0 });
    mounts.add('10.0.0.1', '/data');
    await mounts.flush();
  };
  const line = '10.0.0.1:/data:0x00000001\n';
  for (const [what, put] of Object.entries(STANDING)) {
    const dir = join(home, what.replaceAll(' ', '-'));
    mkdirSync(dir);
    writeFileSync(victim, '10.9.9.9:/secret:0x00000001\n');
    const rmtab = join(dir, 'rmtab');
    put(rmtab, { path: victim, content: readFileSync(victim) });
    await write(rmtab);
    t.equal(readFileSync(victim, 'utf8'), '10.9.9.9:/secret:0x00000001\n', `${what}: nothing was written through it`);
    const found = lstatSync(rmtab);
    if (found.isFile()) t.equal(readFileSync(rmtab, 'utf8'), line, `${what}: replaced, with nothing taken from it`);
    else t.ok(found.isDirectory(), `${what} stays`);
  }
  // Version 0.1.0 wrote it under a name that could be guessed.
  const rmtab = join(home, 'rmtab');
  symlinkSync(victim, `${rmtab}.${process.pid}.tmp`);
  writeFileSync(victim, 'precious');
  await write(rmtab);
  t.equal(readFileSync(victim, 'utf8'), 'precious');
  t.equal(readFileSync(rmtab, 'utf8'), line);
  // What a killed server left behind is removed, and nothing else.
  const left = ['rmtab.0123456789abcdef.tmp', 'rmtab.0123.tmp', 'other.0123456789abcdef.tmp'];
  for (const name of left) writeFileSync(join(home, name), '');
  await write(rmtab);
  t.strictSame(
    left.map(name => existsSync(join(home, name))),
    [false, true, true],
  );
});

t.test('pid file: another kind of file stays, and a running process keeps its own', async t => {
  const home = makeHome(t);
  const path = join(home, 'pid');
  const refused = async (content: string, why: RegExp) => {
    writeFileSync(path, content);
    await t.rejects(PidFile.write(path), why);
    t.equal(readFileSync(path, 'utf8'), content);
  };
  await refused(
    'root:x:0:0:root:/root:/bin/bash\n',
    /cannot write the pid file .*something other than a process number/,
  );
  await refused('12 34', /something other than a process number/);
  await refused('-1', /something other than a process number/);
  await refused('9'.repeat(40), /something other than a process number/);
  await refused(`${process.ppid}\n`, /names process \d+, which is running/);

  writeFileSync(path, '4194305\n'); // more than any pid
  const first = await PidFile.write(path);
  t.equal(readFileSync(path, 'utf8'), `${process.pid}\n`, 'the pid file of a process that is gone is taken over');
  await t.rejects(PidFile.write(path), new RegExp(`bricknfs, process ${process.pid}, is running and uses it`));
  t.equal(readFileSync(path, 'utf8'), `${process.pid}\n`);

  writeFileSync(path, '1\n'); // Another process has written to it.
  await first.remove();
  t.equal(readFileSync(path, 'utf8'), '1\n', 'a file with another number is not removed');
  rmSync(path);

  const second = await PidFile.write(path);
  rmSync(path);
  writeFileSync(path, `${process.pid}\n`);
  await second.remove();
  t.ok(existsSync(path), 'another file at the path is not removed either');
  rmSync(path);

  const third = await PidFile.write(path);
  t.equal(lstatSync(path).mode & 0o777, 0o644);
  await third.remove();
  t.notOk(existsSync(path));
});

t.test(
  'a control socket that another process has put in the place of this one stays when this server ends',
  async t => {
    const path = join(makeHome(t), 'control');
    const control = await ControlSocket.start(path, {}, silent);
    rmSync(path);
    const other = createServer().listen(path);
    t.teardown(() => other.close());
    await control.close();
    t.ok(lstatSync(path).isSocket());
  },
);
