/**
 * Volumes of real GlusterFS, mounted by `bricknfs mount HOST:/VOLUME`. As in test/integration/fuse.itest.ts, no synchronous
 * call of this process touches a mount.
 */
import { execFile } from 'node:child_process';
import { mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import t, { type Test } from 'tap';
import { folders, mounting } from '../cli/harness.ts';
import { BED, enterBed, gluster, HOST } from './support/bed.ts';
import { completed } from './support/rebalance.ts';
import { GlusterVolume, type Kind } from './support/volume.ts';

enterBed(import.meta.filename);
t.setTimeout(900_000);

const TREE = join(import.meta.dirname, '../../src/xlators');
const KINDS: readonly Kind[] = ['replicate', 'disperse', 'distribute'];

const sh = async (script: string, ...args: string[]): Promise<string> =>
  (await promisify(execFile)('sh', ['-euc', script, 'sh', ...args], { maxBuffer: 2 ** 26 })).stdout;

async function mounted(t: Test, { name }: GlusterVolume, ...options: string[]) {
  const { mnt, state } = folders(t, 'mnt', 'state');
  const server = await mounting(t, ['--state-dir', state, ...options, `${HOST}:/${name}`, mnt]);
  return { mnt, server, end: () => sh('umount "$1"', mnt).then(() => server.exited) };
}

for (const kind of KINDS) {
  t.test(`${kind}: trees are copied, packed, linked and moved`, async t => {
    const { mnt, server, end } = await mounted(t, await GlusterVolume.for(t, kind));
    await sh('cp -a "$1" "$2/a" && diff -r "$1" "$2/a"', TREE, mnt);
    await sh('cd "$1" && tar -cf a.tar a && mkdir b && tar -xf a.tar -C b && diff -r a b/a && mv b c && rm -r a', mnt);
    await sh('cd "$1" && ln a.tar hard && ln -s a.tar soft && cmp soft hard && setfattr -n user.n -v v hard', mnt);
    t.match(await sh('getfattr -n user.n --only-values "$1/soft"', mnt), 'v');
    await sh('cd "$1" && echo text > x && exec 3<x && rm x && cat <&3', mnt);
    await sh('cd "$1" && dd if=/dev/urandom of=d bs=1M count=8 conv=fsync status=none && cp d e && cmp d e', mnt);
    t.equal(await sh('ls "$1" && stat -c %h "$1/hard"', mnt), 'a.tar\nc\nd\ne\nhard\nsoft\n2\n');
    t.equal(await end(), 0, server.stderr.text);
  });
}

t.test('locks and changes of one mount hold in another one', async t => {
  const volume = await GlusterVolume.for(t, 'replicate');
  const [a, b] = [await mounted(t, volume), await mounted(t, volume, '-o', 'attribute-timeout=0,entry-timeout=0')];
  const held = sh('exec 3>"$1/l" && flock 3 && echo held > "$1/told" && sleep 3', a.mnt);
  await sh('until grep -q held "$1/told"; do sleep 0.1; done', b.mnt);
  await t.rejects(sh('flock -n "$1/l" true', b.mnt), 'the lock is held by the other mount');
  await sh('flock "$1/l" true', b.mnt);
  await held;
  t.equal(await a.end(), 0, a.server.stderr.text);
  t.equal(await b.end(), 0, b.server.stderr.text);
});

t.test(
  'what one mount changes is seen in another one before its timeouts are over, if bricks tell of changes',
  async t => {
    const volume = await GlusterVolume.for(t, 'replicate', { 'features.cache-invalidation': 'on' });
    // A brick tells those who have asked in the last minute (features.cache-invalidation-timeout).
    const long = ['-o', 'attribute-timeout=3600,entry-timeout=3600'];
    const [a, b] = [await mounted(t, volume), await mounted(t, volume, ...long)];
    const until = (test: string) =>
      sh(`for i in $(seq 600); do if ${test}; then exit 0; fi; sleep 0.1; done; exit 1`, b.mnt);
    await sh('printf one > "$1/x" && printf second > "$1/y"', a.mnt);
    t.equal(await sh('cat "$1/x" "$1/y" && ls -l "$1" > /dev/null', b.mnt), 'onesecond');
    await sh('printf changed > "$1/x" && chmod 600 "$1/y"', a.mnt);
    await until('test "$(cat "$1/x")" = changed');
    await until('test "$(stat -c %a "$1/y")" = 600');
    await sh('mv "$1/y" "$1/z" && rm "$1/x"', a.mnt);
    await until('! test -e "$1/x"');
    await until('! test -e "$1/y"');
    t.equal(await sh('cat "$1/z"', b.mnt), 'second');
    t.equal(await a.end(), 0, a.server.stderr.text);
    t.equal(await b.end(), 0, b.server.stderr.text);
  },
);

for (const kind of ['replicate', 'disperse', 'sharded'] as const) {
  t.test(`${kind}: a file that has lost its name is written, read, cut and synced`, async t => {
    const { mnt, server, end } = await mounted(t, await GlusterVolume.for(t, kind));
    const script = `
      use constant text => "0123456789" x 1000;
      chdir shift; open my $f, "+>", "a" or die "$!"; unlink "a" or die "unlink: $!"; $| = 1;
      use Fcntl; use IO::Handle; $f->autoflush(1);
      for (1 .. 20) { syswrite($f, text) == 10000 or die "write: $!" }
      sysseek $f, 77, 0; syswrite($f, "middle") == 6 or die "write: $!";
      truncate $f, 150001 or die "truncate: $!"; $f->sync or die "sync: $!"; chmod 0600, $f or die "chmod: $!";
      -s $f == 150001 or die "size: " . -s $f;
      my $expected = substr text x 20, 0, 150001; substr $expected, 77, 6, "middle";
      sysseek $f, 0, 0; my $got = ""; while (sysread $f, $got, 65536, length $got) {}
      $got eq $expected or die "other bytes"; close $f or die "close: $!"; print "done";`;
    t.equal(await sh('perl -e "$2" "$1"', mnt, script), 'done');
    const asUser = 'chmod 755 "$(dirname "$1")" && chmod 777 "$1" && setpriv --reuid=1000 --regid=1000 --clear-groups';
    t.equal(await sh(`${asUser} perl -e "$2" "$1"`, mnt, script), 'done');
    await sh(`cp /bin/true "$1/x" && chmod 711 "$1/x" && ${asUser} "$1/x"`, mnt);
    t.equal(await end(), 0, server.stderr.text);
  });
}

for (const kind of ['replicate', 'disperse'] as const) {
  t.test(`${kind}: programs do not notice that a brick dies and comes back`, async t => {
    const volume = await GlusterVolume.for(t, kind);
    const { mnt, server, end } = await mounted(t, volume);
    const write = 'for i in $(seq 150); do echo $i > "$1/$2-$i" && mv "$1/$2-$i" "$1/$2-x$i" && cat "$1/$2-x$i"; done';
    const expected = Array.from({ length: 150 }, (_, i) => `${i + 1}\n`).join('');
    const before = sh(write, mnt, 'before');
    await volume.signal(1, 'SIGKILL');
    t.equal(await before, expected);
    const after = sh(write, mnt, 'after');
    await volume.start();
    t.equal(await after, expected);
    t.equal(await sh('cat "$1"/*-x* | wc -l', mnt), '300\n');
    t.equal(await end(), 0, server.stderr.text);
    await volume.healed();
  });
}

t.test('a brick is added to a mounted volume and an option is set while programs work', async t => {
  const volume = await GlusterVolume.for(t, 'distribute');
  const { mnt, server, end } = await mounted(t, volume);
  const taken = (times: number) => server.stderr.until(new RegExp(`(the new volfile has taken over[^]*){${times}}`));
  await sh('cd "$1" && mkdir d && for i in $(seq 100); do echo $i > d/$i; done', mnt);
  const work = sh(
    `cd "$1" && exec 3<>open && exec 4<>locked && flock 4
    n=0; until [ -e stop ]; do
      n=$((n + 1)); echo $n > d/new-$n; mv d/new-$n d/moved-$n; [ "$(cat d/moved-$n)" = $n ]; echo $n >&3
    done
    [ "$(wc -l < open)" = $n ] && echo $n`,
    mnt,
  );
  await sh('until [ -s "$1/open" ]; do sleep 0.1; done', mnt);
  const waiting = [1, 2, 3].map(() => sh('flock "$1/locked" true', mnt));
  await gluster(`volume set ${volume.name} network.ping-timeout 20`);
  await taken(1);
  const more = join(BED, 'bricks/more');
  mkdirSync(more);
  await gluster(`volume add-brick ${volume.name} ${HOST}:${more} force`);
  await taken(2);
  await t.rejects(sh('flock -n "$1/locked" true', mnt), 'the lock is held');
  await gluster(`volume rebalance ${volume.name} start`);
  await completed(`volume rebalance ${volume.name} status`);
  t.ok(readdirSync(join(more, 'd')).length > 10, 'the new brick has files');
  await sh('touch "$1/stop"', mnt);
  const turns = Number(await work);
  t.ok(turns > 0, `${turns} turns`);
  await Promise.all(waiting);
  const names = (await sh('ls "$1/d"', mnt)).trim().split('\n');
  const expected = Array.from({ length: 100 }, (_, i) => `${i + 1}`);
  for (let i = 1; i <= turns; i++) expected.push(`moved-${i}`);
  t.strictSame(names.sort(), expected.sort());
  t.equal(
    await sh('cd "$1/d" && for f in *; do [ "moved-$(cat $f)" = $f ] || [ "$(cat $f)" = $f ] || echo $f; done', mnt),
    '',
  );
  t.notMatch(server.stderr.text, /lost with the former graph|"level":50/);
  t.equal(await end(), 0, server.stderr.text);
});

t.test('while all bricks are away calls fail, and go on when they are back', async t => {
  const volume = await GlusterVolume.for(t, 'distribute');
  const { mnt, server, end } = await mounted(t, volume, '-o', 'attribute-timeout=0,entry-timeout=0');
  await sh('echo text > "$1/a"', mnt);
  for (const { index } of volume.bricks) await volume.signal(index, 'SIGKILL');
  await t.rejects(sh('ls -l "$1/a"', mnt));
  await volume.start();
  await sh('for i in $(seq 300); do if cat "$1/a"; then exit 0; fi; sleep 0.2; done; exit 1', mnt);
  t.equal(await end(), 0, server.stderr.text);
});
