/** Asks a running server questions through its control socket. */
import { once } from 'node:events';
import { existsSync, readdirSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { defaultStateDirs, stateDirsIn } from '../server/state.ts';
import { integerOf, textOf } from './flag-values.ts';
import { controlName, controlPort } from './control-name.ts';
import { CliError, reasonOf, usageError } from './failure.ts';

const TIMEOUT_MS = 10_000;
const REPLY_CHARS_MAX = 64 * 1024 * 1024;

/** The flags that tell which server to ask. */
export const WHICH_OPTIONS = {
  port: {
    type: 'string',
    alias: 'P',
    coerce: integerOf('--port', 0, 65_535),
    describe: 'the port of the server to ask, if several are running',
  },
  control: { type: 'string', coerce: textOf('--control'), describe: 'the path of its control socket' },
  'state-dir': { type: 'string', coerce: textOf('--state-dir'), describe: 'its state directory' },
  json: { type: 'boolean', default: false, describe: 'print JSON' },
} as const;

export interface Which {
  readonly port?: number | undefined;
  readonly control?: string | undefined;
  readonly 'state-dir'?: string | undefined;
}

/** Returns the server's answer. @throws {CliError} there is no server, or it cannot answer */
export async function ask<R>(which: Which, method: string, params: object = {}): Promise<R> {
  const socket = await open(which);
  try {
    socket.write(`${JSON.stringify({ method, params })}\n`);
    const late = sleep(TIMEOUT_MS, undefined, { ref: false }).then((): never => {
      throw new CliError(`the server has not answered ${method} in ${TIMEOUT_MS / 1000} s`);
    });
    const reply = JSON.parse(await Promise.race([lineOf(socket), late])) as { result?: R; error?: string };
    if (reply.error !== undefined) throw new CliError(reply.error);
    return reply.result as R;
  } finally {
    socket.destroy();
  }
}

async function lineOf(socket: Socket): Promise<string> {
  let text = '';
  socket.setEncoding('utf8');
  for await (const chunk of socket) {
    text += chunk as string;
    if (text.endsWith('\n')) return text;
    if (text.length > REPLY_CHARS_MAX) throw new CliError('the answer of the server is too long');
  }
  throw new CliError('the server closed the control socket without an answer');
}

async function open(which: Which): Promise<Socket> {
  const { control, port } = which;
  if (control !== undefined) return openAt(resolve(control));
  const named = which['state-dir'];
  const dirs = named === undefined ? defaultStateDirs() : stateDirsIn(resolve(named));
  if (port === undefined) return openOnly(dirs);
  const paths = dirs.map(dir => join(dir, controlName(port)));
  return openAt(paths.find(path => existsSync(path)) ?? paths[0]!);
}

/** Connects to the only server of these state directories. Sockets that a killed server left behind do not count. */
async function openOnly(dirs: readonly string[]): Promise<Socket> {
  const found: { path: string; socket: Socket }[] = [];
  const paths = dirs.flatMap(dir => namesIn(dir).map(name => join(dir, name)));
  for (const path of paths.filter(one => controlPort(one) !== undefined)) {
    const socket = await openAt(path).catch(() => undefined);
    if (socket) found.push({ path, socket });
  }
  if (found.length === 1) return found[0]!.socket;
  for (const { socket } of found) socket.destroy();
  if (found.length === 0) {
    throw new CliError(
      `no server is running with the state directory ${dirs[0]}; name another with --state-dir or --control`,
    );
  }
  const ports = found.map(({ path }) => controlPort(path)).join(', ');
  throw usageError(`several servers are running, on the ports ${ports}; choose one with --port`);
}

function namesIn(dir: string): string[] {
  try {
    return readdirSync(dir);
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (code === 'ENOENT') return [];
    throw new CliError(`cannot read the state directory ${dir}: ${reasonOf(cause)}`, 1, { cause });
  }
}

async function openAt(path: string): Promise<Socket> {
  const socket = connect(path);
  try {
    await once(socket, 'connect');
    return socket;
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    const why = code === 'ENOENT' || code === 'ECONNREFUSED' ? 'no server is listening there' : reasonOf(cause);
    throw new CliError(`control socket ${path}: ${why}`, 1, { cause });
  }
}
