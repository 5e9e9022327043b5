/** `bricknfs serve`: from the command line to a server, and from a signal to its end. */
import { mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Log, makeLog } from '../log.ts';
import { PortmapRegistrar } from '../rpcsvc/portmap/registrar.ts';
import type { ServerConfig } from '../server/config.ts';
import { controlMethods } from '../server/control-methods.ts';
import { ControlSocket } from '../server/control.ts';
import { planServer } from '../server/plan.ts';
import { type Parts, Server } from '../server/server.ts';
import { defaultStateDir } from '../server/state.ts';
import { refuseForeignLink } from '../sys/own-files.ts';
import { bytesOfText } from '../wire-text.ts';
import { banner, controlName, readyLine, warningOf } from './banner.ts';
import { command } from './command.ts';
import { daemonParent, inBackground, tellParent } from './daemon.ts';
import { CliError, EXIT, failureOf } from './failure.ts';
import { PidFile } from './pid-file.ts';
import { type ServeArguments, readVolfile, SERVE_OPTIONS, serverConfig } from './serve-options.ts';
import { VERSION } from './version.ts';

const DEFAULT_DIR = 'export';
/** Together less than what --grace is made shorter by, see serve-options.ts. */
const LATE_MS = 300;
const EXIT_MS = 100;

export const serve = command({
  usage: 'serve [dirs..]',
  describe: 'Serves directories, or what a volfile describes, until SIGTERM or SIGINT. SIGHUP loads the volfile anew.',
  options: SERVE_OPTIONS,
  examples: [
    ['bricknfs serve /srv/data', 'one directory, to this machine only'],
    ['bricknfs serve --host 0.0.0.0 --allow 10.0.0.0/8 /srv/a /srv/b', 'two, to a network'],
    ['bricknfs serve --port 3049 --read-only --squash all .', 'on another port, nothing can be changed'],
    ['bricknfs serve -f bricknfs.vol --daemon -p /run/bricknfs.pid', 'a volfile, in the background'],
  ],

  async run(args, dirs, parts) {
    const given = serverConfig(args, dirsOf(args, dirs));
    if (args['print-volfile']) {
      process.stdout.write(bytesOfText(given.text));
      return EXIT.OK;
    }
    const { settings } = await planServer(given); // what is wrong with it is known before anything is touched
    const config = { ...given, stateDir: resolve(args['state-dir'] ?? defaultStateDir(settings['nfs.port'])) };
    if (args.daemon && !inBackground()) return daemonParent(config);
    try {
      return await serveUntilStopped(config, args, parts);
    } catch (error) {
      tellParent({ failure: failureOf(error) });
      throw error;
    }
  },
});

/** Without any, `./export` is made. */
function dirsOf(args: ServeArguments, dirs: readonly string[]): readonly string[] {
  if (args.volfile !== undefined || dirs.length > 0) return dirs;
  mkdirSync(DEFAULT_DIR, { recursive: true });
  return [DEFAULT_DIR];
}

async function serveUntilStopped(config: ServerConfig, args: ServeArguments, parts: Parts): Promise<number> {
  const log = await openLog(config);
  fatalOnBugs(log);
  const signals = new Signals();
  const server = await Server.start(config, parts, log);
  try {
    await register(server, log);
    await openControl(server, args, log);
    if (args['pid-file'] !== undefined) {
      const pidFile = await PidFile.write(args['pid-file']);
      server.beforeStop(() => pidFile.remove());
    }
  } catch (error) {
    await server.stop();
    throw error;
  }
  const greeting = banner(server);
  log.info({ address: server.address, version: VERSION, pid: process.pid }, 'serving');
  if (!inBackground()) process.stdout.write(bytesOfText(greeting + readyLine(server)));
  tellParent({ ready: greeting });
  signals.onHangup = () => void reload(server, args, log);

  const why = await Promise.race([signals.stop, server.failed.catch((error: Error) => error)]);
  if (why instanceof Error) log.fatal({ err: why }, 'a stage has died: the server ends, so that it is started again');
  else log.info({ signal: why }, 'stopping');
  const exitCode = why instanceof Error ? EXIT.BUG : EXIT.OK;
  await finish(server, config, log, exitCode);
  return exitCode;
}

async function openLog({ log }: ServerConfig): Promise<Log> {
  try {
    if (log.file !== undefined) await refuseForeignLink(log.file);
    return makeLog(log);
  } catch (cause) {
    throw new CliError(`cannot write the log file ${log.file}: ${(cause as Error).message}`, EXIT.FAILED, { cause });
  }
}

/** What nobody catches is a bug: it is logged, and a supervisor starts the server again. */
function fatalOnBugs(log: Log): void {
  process.on('uncaughtException', err => {
    log.fatal({ err }, 'a bug: the server ends');
    process.exit(EXIT.BUG);
  });
}

/** SIGTERM and SIGINT, once: a second one kills, by default. */
class Signals {
  readonly stop: Promise<NodeJS.Signals>;
  onHangup: () => void = () => {};

  constructor() {
    const { promise, resolve } = Promise.withResolvers<NodeJS.Signals>();
    this.stop = promise;
    const stopping = (signal: NodeJS.Signals) => {
      process.off('SIGTERM', stopping).off('SIGINT', stopping);
      resolve(signal);
    };
    process.on('SIGTERM', stopping).on('SIGINT', stopping);
    process.on('SIGHUP', () => this.onHangup());
  }
}

/** Stops it, and waits no longer than was promised. */
async function finish(server: Server, { graceMs }: ServerConfig, log: Log, exitCode: number): Promise<void> {
  const over = new AbortController();
  const late = sleep(graceMs + LATE_MS, 'late', { signal: over.signal }).catch(() => undefined);
  const first = await Promise.race([server.stop(), late]);
  over.abort();
  if (first === 'late') log.warn({ graceMs }, 'not all calls were answered in time: they are dropped');
  else log.info('stopped');
  // Something may still hold the process, such as a call into a dead disk.
  process.exitCode = exitCode;
  setTimeout(() => process.exit(), EXIT_MS).unref();
}

async function reload(server: Server, { volfile }: ServeArguments, log: Log): Promise<void> {
  if (volfile === undefined) {
    log.warn('SIGHUP: there is nothing to load anew, no volfile is served (see -f)');
    return;
  }
  try {
    await server.reload(readVolfile(volfile));
    const warning = warningOf(server);
    if (warning !== undefined) log.warn(warning);
  } catch (error) {
    log.error({ err: error }, `the volfile is not loaded, nothing has changed: ${(error as Error).message}`);
  }
}

async function register(server: Server, log: Log): Promise<void> {
  if (!server.planned.settings['rpc.register-with-portmap'] || server.config.portmapperPort !== undefined) return;
  const registrar = new PortmapRegistrar({ log });
  server.beforeStop(() => registrar.stop());
  await registrar.register(server.ports);
}

/** Without it the server serves as well; but who names the socket wants it. */
async function openControl(server: Server, { control }: ServeArguments, log: Log): Promise<void> {
  const path =
    control === undefined ? join(server.config.stateDir, controlName(server.address.port)) : resolve(control);
  try {
    const socket = await ControlSocket.start(path, controlMethods(server, VERSION), log);
    server.beforeStop(() => socket.close());
  } catch (cause) {
    const message = `no control socket at ${path}: ${(cause as Error).message}`;
    if (control !== undefined) throw new CliError(message, EXIT.FAILED, { cause });
    log.warn({ err: cause, path }, 'no control socket: status, exports, mounts and explain cannot ask this server');
  }
}
