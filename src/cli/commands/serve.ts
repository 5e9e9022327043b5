/** `bricknfs serve`: starts a server from the command line, and stops it on a signal. */
import { mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { LogFile } from '../log-file.ts';
import { type Log, type LogOptions, makeLog } from '../../log.ts';
import { PortmapRegistrar } from '../../rpcclnt/portmap/registrar.ts';
import type { ServerConfig } from '../../server/config.ts';
import { controlMethods } from '../../server/control/methods.ts';
import { ControlSocket } from '../../server/control/control.ts';
import { serverDump } from '../../server/control/server-dump.ts';
import { planServer } from '../../server/plan.ts';
import { type Parts, Server } from '../../server/server.ts';
import { defaultStateDir } from '../../server/state.ts';
import { dropReserve } from '../../sys/process/capabilities.ts';
import { exitNow } from '../../sys/process/exit.ts';
import { bytesOfText } from '../../wire-text.ts';
import { within } from '../../within.ts';
import { banner, readyLine, warningOf } from './banner.ts';
import { command } from './command.ts';
import { controlName } from '../control-name.ts';
import { daemonParent, inBackground, logFileOf, tellParent } from './daemon.ts';
import { foreignCode } from '../inspector.ts';
import { CliError, EXIT, failureOf, reasonOf } from '../failure.ts';
import { PidFile } from './pid-file.ts';
import { type ServeConfig, serveConfig } from './serve-config.ts';
import { type ServeArguments, SERVE_OPTIONS } from './serve-options.ts';
import { namesVolfile } from '../volfile-argument.ts';
import { Reloads } from './reload.ts';
import { Signals } from '../signals.ts';
import { dumper } from '../dumper.ts';
import { VERSION } from '../version.ts';

const STDERR = 2;
const DEFAULT_DIR = 'export';
/** How long a stop may take after the grace period: with EXIT_MS, less than STOP_RESERVE_MS (serve-config.ts). */
const LATE_MS = 300;
/** How long the process may take to end by itself when the server has stopped. */
const EXIT_MS = 100;

export const serve = command({
  options: SERVE_OPTIONS,
  examples: [
    ['bricknfs serve /srv/data', 'serves one directory to this machine only'],
    ['bricknfs serve --host 0.0.0.0 --allow 10.0.0.0/8 /srv/a /srv/b', 'serves two directories to a network'],
    [
      'bricknfs serve --port 3049 --read-only --squash all .',
      'serves this directory on another port, and refuses changes',
    ],
    [
      'bricknfs serve -s gnode --volfile-id data',
      'serves the GlusterFS volume "data", which glusterd on host gnode knows',
    ],
    [
      'bricknfs serve -f bricknfs.vol --daemon -p /run/bricknfs.pid',
      'serves what a volfile describes, in the background',
    ],
  ],

  async run(args, dirs, loadParts) {
    dropReserve(); // first, since the threads of the pool keep the capabilities that the process has when they start
    const given = await serveConfig(args, dirsOf(args, dirs));
    await using source = given.source;
    if (args['print-volfile']) {
      process.stdout.write(bytesOfText(await given.base.read()));
      return EXIT.OK;
    }
    const forks = args.daemon && !inBackground();
    const signals = forks ? undefined : new Signals();
    const { settings } = await planServer(given.config); // finds errors in the volfile before anything is changed
    const config = { ...given.config, stateDir: resolve(args['state-dir'] ?? defaultStateDir(settings['nfs.port'])) };
    if (signals === undefined) {
      await source[Symbol.asyncDispose](); // the process in the background has its own
      return await daemonParent(config);
    }
    try {
      return await serveUntilStopped({ ...given, config }, args, await loadParts(), signals);
    } catch (error) {
      tellParent({ failure: failureOf(error) });
      throw error;
    }
  },
});

/** The directories to serve. If none is given, `./export` is created and served. */
function dirsOf(args: ServeArguments, dirs: readonly string[]): readonly string[] {
  if (namesVolfile(args) || dirs.length > 0) return dirs;
  mkdirSync(DEFAULT_DIR, { recursive: true });
  return [DEFAULT_DIR];
}

async function serveUntilStopped(
  { config, source, notes }: ServeConfig & { readonly config: ServerConfig },
  args: ServeArguments,
  parts: Parts,
  signals: Signals,
): Promise<number> {
  const { log, file, options } = await openLog(config);
  fatalOnBugs(log);
  const foreign = foreignCode();
  if (foreign !== undefined) log.warn({ NODE_OPTIONS: foreign }, 'NODE_OPTIONS loads foreign code into the server');
  for (const note of notes) log.warn(note);
  const server = await Server.start({ ...config, log: options }, parts, log);
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
  const reload = async (read: () => Promise<string>, ifOther?: boolean) => {
    await server.reload(read, ifOther);
    const warning = warningOf(server);
    if (warning !== undefined) log.warn(warning);
  };
  const reloads = new Reloads({ reload }, source, log);
  server.troubles = () => reloads.troubles;
  signals.handle({
    hangup: () => void reloads.hangup(file),
    dump: dumper(() => serverDump(server, VERSION), log),
    ignored: signal => log.warn({ signal }, `${signal} is ignored`),
  });
  reloads.follow();

  const why = await Promise.race([signals.stop, server.failed.catch((error: Error) => error)]);
  if (why instanceof Error)
    log.fatal({ err: why }, 'a stage has died; the server stops, so that a supervisor can start it again');
  else log.info({ signal: why }, 'stopping');
  const exitCode = why instanceof Error ? EXIT.BUG : EXIT.OK;
  await finish(server, config, log, exitCode);
  return exitCode;
}

interface OpenLog {
  readonly log: Log;
  /** The log file; `undefined` if the log goes to the standard error that the process was given. */
  readonly file?: LogFile | undefined;
  /** The settings for the logs of other threads. */
  readonly options: LogOptions;
}

async function openLog(config: ServerConfig): Promise<OpenLog> {
  try {
    const file = await openLogFile(config);
    const options = file === undefined ? config.log : { ...config.log, file: file.path, fd: file.fd };
    return { log: makeLog(options), file, options };
  } catch (cause) {
    const message = `cannot write the log file ${config.log.file}: ${reasonOf(cause)}; choose another with --log-file`;
    throw new CliError(message, EXIT.FAILED, { cause });
  }
}

async function openLogFile(config: ServerConfig): Promise<LogFile | undefined> {
  if (inBackground()) return LogFile.of(await logFileOf(config), STDERR);
  return config.log.file === undefined ? undefined : LogFile.open(resolve(config.log.file));
}

/** An exception that nothing catches is a bug: the server logs it and exits, so that a supervisor can restart it. */
function fatalOnBugs(log: Log): void {
  process.on('uncaughtException', err => {
    log.fatal({ err }, 'the server exits because of a bug');
    exitNow(EXIT.BUG);
  });
}

/** Stops the server. Calls under way have the grace period to end; then they are dropped. */
async function finish(server: Server, { graceMs }: ServerConfig, log: Log, exitCode: number): Promise<void> {
  const stopped = server.stop().then(() => true);
  const late = !(await within(graceMs + LATE_MS, stopped));
  if (late) log.warn({ graceMs }, 'some calls were not answered in the grace period; they are dropped');
  else log.info('stopped');
  if (late || server.hangs.length > 0) {
    await server.abandon();
    exitNow(exitCode);
  }
  // A handle that is still open, or a read that does not end, may keep the process from ending by itself.
  process.exitCode = exitCode;
  setTimeout(() => exitNow(exitCode), EXIT_MS).unref();
}

async function register(server: Server, log: Log): Promise<void> {
  if (!server.planned.settings['rpc.register-with-portmap'] || server.config.portmapperPort !== undefined) return;
  const { port } = server.address;
  const mount = `mount with -o port=${port},mountport=${port},mountproto=tcp`;
  const advice = `${mount}, or start rpcbind, or use the built-in port mapper`;
  const registrar = new PortmapRegistrar({ log, advice });
  server.beforeStop(() => registrar.stop());
  await registrar.register(server.ports);
}

/** Opens the control socket. If that fails, the server serves without one, unless --control asks for it. */
async function openControl(server: Server, { control }: ServeArguments, log: Log): Promise<void> {
  const path =
    control === undefined ? join(server.config.stateDir, controlName(server.address.port)) : resolve(control);
  try {
    const socket = await ControlSocket.start(path, controlMethods(server, VERSION), log);
    server.beforeStop(() => socket.close());
  } catch (cause) {
    const message = `cannot open the control socket ${path}: ${reasonOf(cause)}; choose another with --control`;
    if (control !== undefined) throw new CliError(message, EXIT.FAILED, { cause });
    log.warn(
      { err: cause, path },
      'there is no control socket, so status, exports, mounts and explain cannot ask this server',
    );
  }
}
