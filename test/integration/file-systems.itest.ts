/**
 * Handles on file systems whose own handles are longer than those of ext4, or do not last. After a restart they stand
 * for the same objects, whatever the kernel has forgotten in the meantime.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import t, { type Test } from 'tap';
import { enterNamespaces } from '../support/namespace.ts';
import { serveNfs, temporaryDir } from '../support/nfs.ts';
import { ERR, NO_SATTR, OK } from '../support/nfs3/common.ts';
import { accepted, call, expectReply, fattr3, opaque, text } from '../support/wire.ts';

enterNamespaces(import.meta.filename);
t.setTimeout(180_000);

const GETATTR = 1;
const LOOKUP = 3;
const CREATE = 8;
const REMOVE = 12;
const run = (command: string, ...args: string[]) => execFileSync(command, args, { stdio: 'pipe' });

const MiB = 1024 * 1024;
const OBJECTS = 1000;
/** The smallest number of descriptors for a brick, so that objects are opened by their handles again and again. */
const DESCRIPTORS = 16;

/** How each file system is mounted on `dir`. `image` is an empty file beside it. */
const KINDS: Readonly<Record<string, (dir: string, image: string) => void>> = {
  btrfs(dir, image) {
    run('mkfs.btrfs', '-q', '-M', image);
    run('mount', '-o', 'loop', image, dir);
    // The inode numbers in a subvolume are those of the top again.
    run('btrfs', 'subvolume', 'create', join(dir, 'sub'));
  },
  xfs(dir, image) {
    run('mkfs.xfs', '-q', image);
    run('mount', '-o', 'loop', image, dir);
  },
  'overlayfs with nfs_export'(dir) {
    const [lower, upper, work] = ['lower', 'upper', 'work'].map(name => join(dir, name)) as [string, string, string];
    run('mount', '-t', 'tmpfs', 'none', dir);
    for (const part of [lower, upper, work]) mkdirSync(part);
    run('mount', '-t', 'overlay', '-o', `lowerdir=${lower},upperdir=${upper},workdir=${work},nfs_export=on,index=on`, 'none', dir); // prettier-ignore
  },
  'FUSE: bindfs'(dir, image) {
    const below = `${image}-below`;
    mkdirSync(below);
    run('bindfs', below, dir);
  },
};

function mounted(t: Test, mount: (dir: string, image: string) => void): string {
  const home = mkdtempSync(join(tmpdir(), 'bricknfs-fs-'));
  const [image, dir] = [join(home, 'image'), join(home, 'disk')];
  writeFileSync(image, '');
  truncateSync(image, 400 * MiB);
  mkdirSync(dir);
  t.teardown(() => {
    while (spawnSync('umount', ['-l', dir]).status === 0);
    rmSync(home, { recursive: true, force: true });
  });
  mount(dir, image);
  return dir;
}

for (const [kind, mount] of Object.entries(KINDS)) {
  t.test(kind, async t => {
    const dir = mounted(t, mount);
    const stateDir = await temporaryDir(t, 'state');
    const options = { dir, stateDir, brick: [`option descriptors ${DESCRIPTORS}`] };
    mkdirSync(join(dir, 'sub'), { recursive: true });
    const names = Array.from({ length: OBJECTS }, (_, i) => `${i % 2 === 0 ? '' : 'sub/'}object-${i}`);
    for (const [i, name] of names.entries()) {
      if (i % 3 === 0) mkdirSync(join(dir, name));
      else writeFileSync(join(dir, name), name.repeat(i));
    }
    const first = await serveNfs(t, options);
    const handles = new Map<string, string>();
    for (const name of names) handles.set(name, await first.handle(name));
    const parents = { '.': opaque(await first.handle('')), sub: opaque(await first.handle('sub')) };

    const served = await serveNfs(t, options);
    for (const round of ['first', 'second', 'third']) {
      writeFileSync('/proc/sys/vm/drop_caches', '2');
      for (const [name, handle] of handles) {
        const reply = await served.exchange(call('nfs3', GETATTR, opaque(handle)));
        expectReply(t, reply, `${accepted} ${OK} ${fattr3(join(dir, name))}`, `${name}, for the ${round} time`);
      }
    }
    for (const [name, handle] of handles) {
      const parent = parents[dirname(name) as keyof typeof parents];
      const reply = await served.exchange(call('nfs3', LOOKUP, `${parent} ${text(basename(name))}`));
      t.ok(reply.includes(Buffer.from(handle, 'hex')), `${name} has the same handle`);
    }

    // A new object may get the inode number of a removed one.
    const root = parents['.'];
    for (let i = 0; i < 20; i++) {
      const old = await served.handle(i === 0 ? names[2]! : 'new');
      const at = `${root} ${text(i === 0 ? names[2]! : 'new')}`;
      t.equal((await served.exchange(call('nfs3', REMOVE, at))).readUInt32BE(24), 0);
      const create = `${root} ${text('new')} 00000001 ${NO_SATTR}`;
      t.equal((await served.exchange(call('nfs3', CREATE, create))).readUInt32BE(24), 0);
      const reply = await served.exchange(call('nfs3', GETATTR, opaque(old)));
      expectReply(t, reply, `${accepted} ${ERR.STALE}`, 'a handle does not pass to the next object with its number');
    }
  });
}
