/**
 * A disk whose power can be cut: a file system in a file, mounted by way of a loop device. What was not synced is in the
 * kernel's memory only, and what was is in the file: a copy of the file is what a disk has after the cut.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { closeSync, ftruncateSync, mkdirSync, openSync, rmSync } from 'node:fs';
import { join } from 'node:path';

export type Kind = 'ext4' | 'xfs';

const BYTES: Readonly<Record<Kind, number>> = { ext4: 256 << 20, xfs: 512 << 20 };
const MAKE: Readonly<Record<Kind, readonly string[]>> = {
  ext4: ['mkfs.ext4', '-q', '-E', 'lazy_itable_init=0,lazy_journal_init=0'],
  xfs: ['mkfs.xfs', '-q'],
};
/**
 * The journal is not to be written just because time passes. (XFS does so after 30 s, and data lie as long anyway.) That the
 * test looks into files must not show in their times.
 */
const MOUNT: Readonly<Record<Kind, string>> = { ext4: 'loop,noatime,commit=600', xfs: 'loop,noatime' };

const run = (command: string, ...args: string[]) =>
  void execFileSync(command, args, { stdio: ['ignore', 'pipe', 'pipe'] });

/** Why there can be no such disk here; `undefined` if there can. */
export function whyNot(kind: Kind): string | undefined {
  if (process.geteuid!() !== 0) return 'mounting needs root';
  for (const command of [MAKE[kind][0]!, 'losetup', 'mount', 'cp']) {
    if (spawnSync('sh', ['-c', 'command -v "$0"', command]).status !== 0) return `there is no ${command}`;
  }
  const { status, stderr } = spawnSync('losetup', ['--find'], { encoding: 'utf8' });
  return status === 0 ? undefined : `no loop devices: ${stderr.trim()}`;
}

export class Disk {
  readonly #kind: Kind;
  readonly #folder: string;
  /** Where it is mounted. */
  readonly path: string;
  #nth = 0;

  private constructor(folder: string, kind: Kind) {
    this.#folder = folder;
    this.#kind = kind;
    this.path = join(folder, 'disk');
  }

  /** Makes one in `folder`, which must be in a mount namespace of our own, and mounts it. */
  static make(folder: string, kind: Kind): Disk {
    const disk = new Disk(folder, kind);
    mkdirSync(disk.path);
    const image = openSync(disk.#image, 'w');
    ftruncateSync(image, BYTES[kind]);
    closeSync(image);
    const [command, ...args] = MAKE[kind];
    run(command!, ...args, disk.#image);
    disk.#mount();
    return disk;
  }

  get #image(): string {
    return join(this.#folder, `image-${this.#nth}`);
  }

  /** All that was not synced is lost. Nobody may use it meanwhile. The file system mends itself when it is mounted again. */
  cut(): void {
    const before = this.#image;
    this.#nth++;
    run('cp', '--sparse=always', before, this.#image);
    run('umount', this.path); // the kernel still writes everything back, but to the other file
    rmSync(before);
    this.#mount();
  }

  /** Everything that there is by now is on it. */
  settle(): void {
    run('sync', '-f', this.path);
  }

  remove(): void {
    spawnSync('umount', ['-l', this.path]);
    rmSync(this.#image, { force: true });
  }

  #mount(): void {
    run('mount', '-t', this.#kind, '-o', MOUNT[this.#kind], this.#image, this.path);
  }
}
