/**
 * The handles of a disk are valid again when the disk comes back with another device number, as after a reboot. Those
 * of another disk are not.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { nfsstat3 } from '#protocols/nfs3/constants.ts';
import { NfsClient } from '../security/client.ts';
import { enterNamespaces } from '../support/namespace.ts';
import { serveNfs, temporaryDir } from '../support/nfs.ts';

enterNamespaces(import.meta.filename);
t.setTimeout(120_000);

const run = (command: string, ...args: string[]): string => execFileSync(command, args, { encoding: 'utf8' }).trim();
const MAKE: Readonly<Record<string, readonly string[]>> = {
  ext4: ['mkfs.ext4', '-q', '-F'],
  xfs: ['mkfs.xfs', '-q'],
  btrfs: ['mkfs.btrfs', '-q'],
};
const IMAGE_BYTES = 400 * 1024 * 1024;

class Disks {
  readonly home = mkdtempSync(join(tmpdir(), 'bricknfs-disk-'));
  readonly dir = join(this.home, 'mnt');
  readonly #loops = new Set<string>();

  constructor(t: Test) {
    mkdirSync(this.dir);
    t.teardown(() => {
      while (spawnSync('umount', ['-l', this.dir]).status === 0);
      for (const loop of this.#loops) spawnSync('losetup', ['-d', loop]);
      rmSync(this.home, { recursive: true, force: true });
    });
  }

  image(name: string, make: readonly string[]): string {
    const image = join(this.home, name);
    writeFileSync(image, '');
    truncateSync(image, IMAGE_BYTES);
    run(make[0]!, ...make.slice(1), image);
    return image;
  }

  attach(image: string): string {
    const loop = run('losetup', '--find', '--show', image);
    this.#loops.add(loop);
    return loop;
  }

  detach(loop: string): void {
    run('losetup', '-d', loop);
    this.#loops.delete(loop);
  }
}

for (const [kind, make] of Object.entries(MAKE)) {
  t.test(kind, async t => {
    const disks = new Disks(t);
    const { dir } = disks;
    const stateDir = await temporaryDir(t, 'state');
    const [mine, others] = [disks.image('mine', make), disks.image('other', make)];
    const loop = disks.attach(mine);
    run('mount', loop, dir);
    const { dev } = statSync(dir);
    writeFileSync(join(dir, 'file'), 'content');
    const before = await serveNfs(t, { dir, stateDir });
    const client = await NfsClient.connect(t, before);
    const root = await client.mounted('/vol');
    const file = await client.found(root, 'file');
    await before.graph.stop();
    run('umount', dir);
    disks.detach(loop);

    const taken = disks.attach(others); // Another disk has the number now.
    const again = disks.attach(mine);
    run('mount', again, dir);
    t.not(statSync(dir).dev, kind === 'btrfs' ? -1 : dev, 'the disk has another number');
    const after = await NfsClient.connect(t, await serveNfs(t, { dir, stateDir }));
    t.equal(await after.getattr(root), nfsstat3.NFS3_OK);
    t.equal(await after.getattr(file), nfsstat3.NFS3_OK);

    const point = join(disks.home, 'other-mnt');
    mkdirSync(point);
    run('mount', taken, point);
    t.teardown(() => spawnSync('umount', ['-l', point]));
    writeFileSync(join(point, 'file'), 'of another disk');
    const another = await NfsClient.connect(t, await serveNfs(t, { dir: point, stateDir }));
    t.equal(await another.getattr(root), nfsstat3.NFS3ERR_STALE, 'the handle of the old root is stale on another disk');
    t.equal(await another.getattr(file), nfsstat3.NFS3ERR_STALE);
  });
}
