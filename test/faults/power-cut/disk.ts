/**
 * A disk whose power can be cut: a file system in a file, mounted through a loop device. Data that were not synced are
 * only in the kernel's memory, and synced data are in the file. A copy of the file is what a disk holds after the cut.
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
 * Options that keep the journal from being written merely because time passes. (XFS does so after 30 s, and data wait
 * as long anyway.) Reads by the test must not change the times of files.
 */
const MOUNT: Readonly<Record<Kind, string>> = { ext4: 'loop,noatime,commit=600', xfs: 'loop,noatime' };

const run = (command: string, ...args: string[]) =>
  void execFileSync(command, args, { stdio: ['ignore', 'pipe', 'pipe'] });

/** Why such a disk cannot be made here. Undefined if it can. */
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
  /** The directory where it is mounted. */
  readonly path: string;
  #nth = 0;

  private constructor(folder: string, kind: Kind) {
    this.#folder = folder;
    this.#kind = kind;
    this.path = join(folder, 'disk');
  }

  /** Makes and mounts a disk in `folder`, which must be in a mount namespace of its own. */
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

  /**
   * Cuts the power: everything that was not synced is lost. The disk must not be in use. The file system is repaired
   * when it is mounted again.
   */
  cut(): void {
    const before = this.#image;
    this.#nth++;
    run('cp', '--sparse=always', before, this.#image);
    run('umount', this.path); // The kernel still writes everything back, but to the other file.
    rmSync(before);
    this.#mount();
  }

  /** Syncs everything to the disk. */
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
