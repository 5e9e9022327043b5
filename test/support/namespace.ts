/** For tests that need a network, port 111 or /run of their own, so that they touch nothing outside. */
import { execFileSync, spawnSync } from 'node:child_process';

const INSIDE = 'BRICKNFS_TEST_NAMESPACE';

/**
 * Runs the test file again in its own network and mount namespaces, with `lo` up and /run empty. The function returns
 * only there: outside, the process ends with the exit code of that run.
 */
export function enterNamespaces(file: string): void {
  if (process.env[INSIDE] !== undefined) {
    execFileSync('mount', ['-t', 'tmpfs', 'tmpfs', '/run']);
    execFileSync('ip', ['link', 'set', 'lo', 'up']);
    return;
  }
  if (process.getuid?.() !== 0) skipAll('namespaces of its own need root');
  const mayMake = spawnSync('unshare', ['--net', '--mount', '--propagation', 'private', 'true'], { encoding: 'utf8' });
  if (mayMake.status !== 0)
    skipAll(`no namespaces of its own: ${mayMake.stderr?.trim() || (mayMake.error?.message ?? 'unshare fails')}`);
  const argv = [
    '--net',
    '--mount',
    '--propagation',
    'private',
    process.execPath,
    ...process.execArgv,
    file,
    ...process.argv.slice(2),
  ];
  const { status, error } = spawnSync('unshare', argv, { stdio: 'inherit', env: { ...process.env, [INSIDE]: '1' } });
  if (error) throw error;
  process.exit(status ?? 1);
}

/** Ends the process; the test runner reports that the whole file was skipped, and why. */
export function skipAll(reason: string): never {
  process.stdout.write(`1..0 # SKIP ${reason}\n`);
  process.exit(0);
}

/** The address of the test's own namespace on the wire to {@link remoteHost}. */
export const HERE = '10.9.0.1';
/** The address of {@link remoteHost}. */
export const REMOTE = '10.9.0.2';

/** Makes another network namespace, joined to this one by a wire. Returns the words that run a command there. */
export function remoteHost(): readonly string[] {
  const ip = (...args: string[]) => void execFileSync('ip', args);
  ip('netns', 'add', 'remote');
  ip('link', 'add', 'here', 'type', 'veth', 'peer', 'name', 'there', 'netns', 'remote');
  ip('addr', 'add', `${HERE}/24`, 'dev', 'here');
  ip('link', 'set', 'here', 'up');
  ip('-n', 'remote', 'addr', 'add', `${REMOTE}/24`, 'dev', 'there');
  ip('-n', 'remote', 'link', 'set', 'there', 'up');
  ip('-n', 'remote', 'link', 'set', 'lo', 'up');
  return ['ip', 'netns', 'exec', 'remote'];
}
