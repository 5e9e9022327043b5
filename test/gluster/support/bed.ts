/** Tests with real GlusterFS: each file runs in a bed of its own (`test/gluster/bed`). */
import { execFile, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { skipAll } from '../../support/namespace.ts';

const run = promisify(execFile);
const OUTPUT_MAX = 64 * 1024 * 1024;

/** Where the files of the bed are: bricks, logs, mounts. It is gone when the test ends. */
export const BED = process.env.BED ?? '';
/** This machine's name as GlusterFS knows it. */
export const HOST = 'gnode';

/**
 * Runs the test file again in a bed. The function returns only there: outside, the process ends with the exit code of
 * that run.
 */
export function enterBed(file: string): void {
  if (BED !== '') return;
  if (process.getuid?.() !== 0) skipAll('a bed with GlusterFS needs root');
  if (spawnSync('glusterd', ['--version']).status !== 0) skipAll('GlusterFS is not installed');
  const argv = [process.execPath, ...process.execArgv, file, ...process.argv.slice(2)];
  const { status, error } = spawnSync(join(import.meta.dirname, '../bed'), argv, { stdio: 'inherit' });
  if (error) throw error;
  process.exit(status ?? 1);
}

/** Runs a program to its end and returns what it has written. */
export async function sh(command: string, ...args: readonly string[]): Promise<string> {
  const { stdout } = await run(command, args, { maxBuffer: OUTPUT_MAX });
  return stdout;
}

/**
 * Has the command line of GlusterFS do several commands, one after the other, in one process: each process of its takes
 * as long as several commands.
 * @throws a command has failed; those after it were not done
 */
export async function gluster(...commands: readonly string[]): Promise<string> {
  const child = spawn('gluster', ['--mode=script'], { stdio: ['pipe', 'pipe', 'pipe'] });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (output += text));
  child.stdin.on('error', () => {}); // it ends at the first command that is wrong
  child.stdin.end(commands.map(command => `${command}\n`).join(''));
  const [code] = (await once(child, 'close')) as [number];
  const wrong = /^.*(: failed:|unrecognized|Wrong brick|Usage:|Connection failed|does not exist).*$/m.exec(output);
  if (code !== 0 || wrong !== null) throw new Error(`gluster ${commands.join('; ')}: exit ${code}, ${output}`);
  return output.replace(/^Welcome to gluster prompt.*\n*/, '');
}
