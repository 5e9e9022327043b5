/** Small file systems in image files. They can only be made in a mount namespace (support/namespace.ts). */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Test } from 'tap';

const MiB = 1024 * 1024;

const run = (command: string, ...args: string[]) => execFileSync(command, args, { encoding: 'utf8', stdio: 'pipe' });

export interface SmallDisk {
  /** The directory where it is mounted. */
  readonly dir: string;
  /** A directory beside it, on another file system. */
  readonly beside: string;
  /** Unmounts and mounts it, so that its content is on the disk and nothing of it in memory. */
  remount(): void;
}

interface Image {
  readonly mib: number;
  /** The size of the medium below the image, if it is smaller than the file system believes. */
  readonly mediumMib?: number;
}

function mounted(t: Test, { mib, mediumMib }: Image, mkfs: (image: string) => void, type: string): SmallDisk {
  const home = mkdtempSync(join(tmpdir(), 'bricknfs-full-'));
  const [dir, beside, medium] = ['disk', 'beside', 'medium'].map(name => join(home, name)) as [string, string, string];
  for (const made of [dir, beside, medium]) mkdirSync(made);
  t.teardown(() => {
    for (const path of [dir, medium]) spawnSync('umount', ['-l', path]);
    rmSync(home, { recursive: true, force: true });
  });
  if (mediumMib !== undefined) run('mount', '-t', 'tmpfs', '-o', `size=${mediumMib}M`, 'none', medium);
  const image = join(medium, 'image');
  writeFileSync(image, '');
  truncateSync(image, mib * MiB);
  mkfs(image);
  // btrfs counts a removed file against the quota until its next commit.
  const options = type === 'btrfs' ? 'loop,commit=1' : 'loop';
  const mount = () => run('mount', '-t', type, '-o', options, image, dir);
  mount();
  return {
    dir,
    beside,
    remount() {
      run('umount', dir);
      mount();
    },
  };
}

/** Makes a small ext4. `args` are options of mkfs.ext4. */
export function ext4(t: Test, image: Image, ...args: string[]): SmallDisk {
  return mounted(t, image, path => run('mkfs.ext4', '-q', '-E', 'lazy_itable_init=1', ...args, path), 'ext4');
}

/** Makes a btrfs with a directory `limited` that may hold `limitMib`. Its quota (EDQUOT) needs no quota tools. */
export function btrfsWithQuota(t: Test, image: Image, limitMib: number): SmallDisk {
  const disk = mounted(t, image, path => run('mkfs.btrfs', '-q', '-M', path), 'btrfs');
  const limited = join(disk.dir, 'limited');
  run('btrfs', 'quota', 'enable', disk.dir);
  run('btrfs', 'subvolume', 'create', limited);
  run('btrfs', 'qgroup', 'limit', `${limitMib}M`, limited);
  return disk;
}
