/**
 * The control socket: a unix socket for the command line of the same user. A request is a line of JSON:
 * `{"method": "status", "params": {…}}`. So is the answer: `{"result": …}` or `{"error": "…"}`. Each connection takes one
 * request.
 */
import { once } from 'node:events';
import { chmod, lstat, mkdtemp, rename, rm, unlink } from 'node:fs/promises';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import type { Log } from '../../log.ts';

export type ControlMethods = Readonly<Record<string, (params: unknown) => unknown>>;

/** A fault of a request. Its message is sent as the answer. */
export class ControlError extends Error {
  override name = 'ControlError';
}

const REQUEST_CHARS_MAX = 64 * 1024;
/**
 * How many connections may wait without having sent a request. If there are more, the one that has been silent longest
 * is closed.
 */
const WAITING_MAX = 16;
/** How many requests may be under way at a time. */
const ANSWERED_MAX = 16;
/** How long a client may take to send its request. */
const REQUEST_MS = 5_000;
/** How long a client may take to read its answer. */
const ANSWER_MS = 30_000;
/**
 * The longest path of a control socket, in bytes. The address of a unix socket (sun_path) has room for 107, and longer
 * ones may silently be cut. The socket is made at a longer path than the one that it is moved to.
 */
const PATH_BYTES_MAX = 107 - '.XXXXXX/s'.length;
const OWNER_ONLY = 0o600;

export class ControlSocket implements AsyncDisposable {
  readonly path: string;
  readonly #server: Server;
  /** The inode number of the socket's file, which tells it from another file that was put at its path. */
  #ino = 0n;
  readonly #open = new Set<Socket>();
  /** Connections that have not sent their request yet, oldest first. */
  readonly #waiting = new Set<Socket>();
  #closed: Promise<void> | undefined;

  private constructor(path: string, methods: ControlMethods, log: Log) {
    this.path = path;
    this.#server = createServer(socket => this.#serve(socket, methods, log));
  }

  /** Listens at `path`, in place of a socket at which no process listens any more. */
  static async start(path: string, methods: ControlMethods, log: Log): Promise<ControlSocket> {
    if (Buffer.byteLength(path) > PATH_BYTES_MAX) {
      throw new Error(`expected a path of at most ${PATH_BYTES_MAX} bytes, found one of ${Buffer.byteLength(path)}`);
    }
    await removeStale(path);
    const control = new ControlSocket(path, methods, log);
    await control.#listen();
    control.#server.on('error', err => log.error({ err }, 'the control socket failed'));
    return control;
  }

  /** Ends all connections and removes the socket. Safe to call twice. */
  close(): Promise<void> {
    return (this.#closed ??= new Promise(resolve => {
      this.#server.close(() => void this.#remove().then(resolve));
      for (const socket of this.#open) socket.destroy();
    }));
  }

  /** Removes the socket's file, unless another server has put its own socket at the path. */
  async #remove(): Promise<void> {
    const found = await lstat(this.path, { bigint: true }).catch(() => undefined);
    if (found?.ino === this.#ino && found.isSocket()) await rm(this.path, { force: true }).catch(() => {});
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /**
   * Makes the socket in a directory that is closed to other users and moves it from there, so that it is never open to
   * them. The umask cannot be used for this: it belongs to the whole process, and stages are making files meanwhile.
   */
  async #listen(): Promise<void> {
    const closed = await mkdtemp(`${this.path}.`);
    const made = join(closed, 's');
    try {
      this.#server.listen(made);
      await once(this.#server, 'listening');
      await chmod(made, OWNER_ONLY);
      this.#ino = (await lstat(made, { bigint: true })).ino;
      await rename(made, this.path);
    } finally {
      await rm(closed, { recursive: true, force: true });
    }
  }

  /** Reads one request and answers it. */
  #serve(socket: Socket, methods: ControlMethods, log: Log): void {
    this.#open.add(socket);
    this.#waiting.add(socket);
    const late = setTimeout(() => socket.destroy(), REQUEST_MS);
    socket.on('close', () => {
      clearTimeout(late);
      this.#open.delete(socket);
      this.#waiting.delete(socket);
    });
    socket.on('error', () => socket.destroy());
    if (this.#waiting.size > WAITING_MAX) {
      const [oldest] = this.#waiting;
      this.#waiting.delete(oldest!);
      oldest!.destroy();
    }
    socket.setEncoding('utf8');
    let text = '';
    const take = (chunk: string) => {
      text += chunk;
      const end = text.indexOf('\n');
      const long = (end < 0 ? text.length : end) > REQUEST_CHARS_MAX;
      if (end < 0 && !long) return;
      socket.off('data', take).resume(); // what else comes is dropped
      clearTimeout(late);
      this.#waiting.delete(socket);
      socket.setTimeout(ANSWER_MS, () => socket.destroy());
      const answered = this.#open.size - this.#waiting.size;
      const refusal = long
        ? `expected a line of at most ${REQUEST_CHARS_MAX} characters`
        : answered > ANSWERED_MAX && `${ANSWERED_MAX} requests are being answered: ask again`;
      const reply = refusal ? { error: refusal } : undefined;
      void Promise.resolve(reply ?? answer(text.slice(0, end), methods, log)).then(sent =>
        socket.end(`${JSON.stringify(sent)}\n`),
      );
    };
    socket.on('data', take);
  }
}

/** Runs the method that a line asks for. */
async function answer(line: string, methods: ControlMethods, log: Log): Promise<object> {
  let method = '';
  try {
    const request = parse(line);
    method = request.method;
    if (!Object.hasOwn(methods, method)) {
      throw new ControlError(`expected one of ${Object.keys(methods).join(', ')} as method`);
    }
    return { result: await methods[method]!(request.params ?? {}) };
  } catch (error) {
    if (error instanceof ControlError) return { error: error.message };
    log.error({ err: error, method }, 'control request failed');
    return { error: `the server failed at it: ${(error as Error).message}` };
  }
}

function parse(line: string): { method: string; params?: unknown } {
  let request: unknown;
  try {
    request = JSON.parse(line);
  } catch {
    throw new ControlError('expected a line of JSON');
  }
  const { method } = (request ?? {}) as { method?: unknown };
  if (typeof method !== 'string') throw new ControlError('expected {"method": …}');
  return request as { method: string; params?: unknown };
}

/**
 * Removes a socket at which no process listens any more.
 * @throws {Error} a process listens there, or something else than a socket is there
 */
async function removeStale(path: string): Promise<void> {
  const found = await lstat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error;
    return undefined;
  });
  if (found === undefined) return;
  if (!found.isSocket()) throw new Error(`expected a socket or nothing at ${path}, found something else`);
  const socket = connect(path);
  try {
    await once(socket, 'connect');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'ECONNREFUSED') throw error;
    await unlink(path);
    return;
  } finally {
    socket.destroy();
  }
  throw new Error(`another server is listening at ${path}`);
}
