/**
 * File systems that can be made to hang for as long as a test wants. They need a mount namespace
 * (support/namespace.ts).
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Test } from 'tap';
import { ext4 } from './full-disk.ts';

/**
 * After this time the file system answers again by itself, whatever has become of the test. A frozen disk outlives its
 * mount.
 */
const THAWED_S = 120;

export interface HangingFs {
  readonly dir: string;
  /**
   * Makes it hang. A server with calls in it does not end before {@link wake}, so that must be called also, and first,
   * when the test fails.
   */
  hang(): void;
  wake(): void;
}

function ran(command: string, ...args: string[]): void {
  const { status, stderr } = spawnSync(command, args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${command} ${args.join(' ')}: ${stderr}`);
}

/** An ext4 on a loop device, stopped by fsfreeze(8). Changes wait until it is thawed, and mere reads do not. */
export function freezable(t: Test): HangingFs {
  const { dir } = ext4(t, { mib: 64 });
  const guard = spawn('sh', ['-c', `sleep ${THAWED_S}; fsfreeze -u "$0"`, dir], { stdio: 'ignore', detached: true });
  let frozen = false;
  const wake = () => {
    if (frozen) spawnSync('fsfreeze', ['-u', dir]);
    frozen = false;
  };
  t.teardown(() => {
    wake();
    process.kill(-guard.pid!, 'SIGKILL');
  });
  return {
    dir,
    hang() {
      ran('fsfreeze', '-f', dir);
      frozen = true;
    },
    wake,
  };
}

/**
 * A directory on FUSE whose daemon can be stopped. Then nothing answers except what the kernel remembers, which is
 * attributes for the given number of seconds.
 */
export async function fuse(t: Test, remembersS = 0): Promise<HangingFs> {
  const home = mkdtempSync(join(tmpdir(), 'bricknfs-fuse-'));
  const [below, dir] = [join(home, 'below'), join(home, 'dir')];
  for (const made of [below, dir]) mkdirSync(made);
  const before = statSync(dir).dev;
  const args = ['-f', '-o', `attr_timeout=${remembersS},entry_timeout=${remembersS},negative_timeout=0`, below, dir];
  const daemon: ChildProcess = spawn('bindfs', args, { stdio: 'ignore' });
  const exited = once(daemon, 'exit');
  const guard = spawn('sh', ['-c', `sleep ${THAWED_S}; kill -CONT "$0"`, `${daemon.pid}`], {
    stdio: 'ignore',
    detached: true,
  });
  t.teardown(async () => {
    daemon.kill('SIGCONT');
    daemon.kill('SIGTERM');
    await exited;
    process.kill(-guard.pid!, 'SIGKILL');
    spawnSync('umount', ['-l', dir]);
    rmSync(home, { recursive: true, force: true });
  });
  while (existsSync(dir) && statSync(dir).dev === before) await sleep(20);
  return { dir, hang: () => void daemon.kill('SIGSTOP'), wake: () => void daemon.kill('SIGCONT') };
}
