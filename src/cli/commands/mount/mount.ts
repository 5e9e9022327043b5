/** `bricknfs mount`: mounts through FUSE, and serves the mount until it is unmounted or a signal comes. */
import { resolve } from 'node:path';
import type { InferredOptionTypes } from 'yargs';
import type { GlusterSource } from '../../../glusterd/source.ts';
import { Graph } from '../../../graph/graph.ts';
import { type GraphSource, type Plan, planGraph } from '../../../graph/plan.ts';
import { type Log, type LogOptions, makeLog } from '../../../log.ts';
import { WriteVerifiers } from '../../../master/write-verifiers.ts';
import type { StateDump } from '../../../server/control/dump.ts';
import { graphDump } from '../../../server/control/graph-dump.ts';
import { brickDirectories } from '../../../server/local-mounts.ts';
import { mountStateDir, openStateDir } from '../../../server/state.ts';
import { StateLock } from '../../../server/state-lock.ts';
import { dropReserve } from '../../../sys/process/capabilities.ts';
import { exitNow } from '../../../sys/process/exit.ts';
import { within } from '../../../within.ts';
import { FuseHost } from '../../../xlators/mount/fuse/fuse-host.ts';
import { MountFuse } from '../../../xlators/mount/fuse/mount-fuse.ts';
import { checkMountpoint } from '../../../xlators/mount/fuse/mountpoint.ts';
import { FOREIGN_LAYERS } from '../../../xlators/foreign.ts';
import { XLATORS } from '../../../xlators/registry.ts';
import { command, type ServingParts } from '../command.ts';
import { dumper } from '../../dumper.ts';
import { daemonParent, inBackground, logFileOf, tellParent } from '../daemon.ts';
import { CliError, EXIT, failureOf, reasonOf, usageError } from '../../failure.ts';
import { textOf, textsOf } from '../../flag-values.ts';
import { LogFile } from '../../log-file.ts';
import { LOG_OPTIONS, logOptions } from '../../log-options.ts';
import { Signals } from '../../signals.ts';
import { VERSION } from '../../version.ts';
import { readVolfile } from '../../volfile-argument.ts';
import { Reloads } from '../reload.ts';
import { MountedGraph } from './mounted-graph.ts';
import { mountVolfile } from './volfile.ts';
import { type MountWords, mountWords } from './words.ts';

const STDERR = 2;
/** How long bricks may take to come up before the mount is made all the same. */
const UP_MS = 5000;
/** How long programs may go on using a mount that a signal has ended. */
const LEAVE_MS = 2000;

const OPTIONS = {
  options: {
    type: 'string',
    alias: 'o',
    array: true,
    coerce: textsOf('--options'),
    describe: 'words as mount(8) and mount.glusterfs have them, separated by commas; may be repeated',
  },
  'no-daemon': { type: 'boolean', default: false, alias: 'N', describe: 'serve in the foreground' },
  'state-dir': {
    type: 'string',
    coerce: textOf('--state-dir'),
    describe:
      'the directory for the log and other state [one for each mountpoint in /var/lib/bricknfs, or below the home directory]',
  },
  ...LOG_OPTIONS,
} as const;

interface Wanted {
  readonly plan: Plan;
  /** What it was planned from. */
  readonly source: GraphSource;
  readonly stateDir: string;
  readonly log: LogOptions;
}

export const mount = command({
  options: OPTIONS,
  examples: [
    ['bricknfs mount /srv/data /mnt', 'mounts a directory on another'],
    ['bricknfs mount gnode:/data /mnt', 'mounts the GlusterFS volume "data", which glusterd on host gnode knows'],
    ['bricknfs mount -o ro,entry-timeout=10 bricknfs.vol /mnt', 'mounts what a volfile describes, read-only'],
    ['bricknfs mount -N -o log-level=debug /srv/data /mnt', 'stays in the foreground and logs to standard error'],
    ['umount /mnt', 'ends a mount; users other than root: fusermount3 -u /mnt'],
  ],

  async run(args, words, loadParts) {
    const [source, mountpoint] = words;
    if (source === undefined || mountpoint === undefined || words.length > 2) {
      throw usageError(`expected a source and a mountpoint, found ${words.length === 0 ? 'neither' : words.join(' ')}`);
    }
    dropReserve(); // first, since the threads of the pool keep the capabilities that the process has when they start
    const forks = !args['no-daemon'] && !inBackground();
    const signals = forks ? undefined : new Signals();
    const settings = mountWords(args.options ?? []);
    await using volfile = await mountVolfile({ ...settings, source, mountpoint: resolve(mountpoint) });
    const wanted = await plan(args, settings, volfile, mountpoint);
    if (signals === undefined) {
      await volfile[Symbol.asyncDispose](); // the process in the background has its own
      return await daemonParent(wanted);
    }
    try {
      return await serve(wanted, volfile, await loadParts(), signals);
    } catch (error) {
      tellParent({ failure: failureOf(error) });
      throw error;
    }
  },
});

/** Finds out what is to be mounted, and whether that can be. Nothing is started or changed. */
async function plan(
  args: InferredOptionTypes<typeof OPTIONS>,
  words: MountWords,
  volfile: GlusterSource,
  given: string,
): Promise<Wanted> {
  const stateDir = resolve(args['state-dir'] ?? mountStateDir(resolve(given)));
  const logFile = args['log-file'] ?? words.logFile;
  const level = args['log-level'] ?? (words.logLevel && LOG_OPTIONS['log-level'].coerce(words.logLevel));
  const log = logOptions({ ...args, 'log-level': level, 'log-file': logFile && resolve(logFile) });
  const source = {
    text: await readVolfile(volfile),
    file: volfile.name,
    overrides: words.overrides,
    registry: XLATORS,
    foreign: FOREIGN_LAYERS,
  };
  const planned = await planGraph(source);
  const bricks = brickDirectories(planned);
  const own = [stateDir, ...(log.file === undefined ? [] : [log.file])];
  await checkMountpoint(resolve(given), { bricks, own });
  return { plan: planned, source, stateDir, log };
}

async function serve(wanted: Wanted, volfile: GlusterSource, parts: ServingParts, signals: Signals): Promise<number> {
  const file = await openLogFile(wanted);
  const log = makeLog(file === undefined ? wanted.log : { ...wanted.log, file: file.path, fd: file.fd });
  process.on('uncaughtException', err => {
    log.fatal({ err }, 'the mount ends because of a bug');
    exitNow(EXIT.BUG);
  });
  for (const warning of wanted.plan.warnings) log.warn(warning);
  const stateDir = await openStateDir(wanted.stateDir);
  process.chdir('/'); // the present directory may be below the mountpoint
  await using running = new AsyncDisposableStack();
  running.use(await StateLock.take(stateDir, [], wanted.plan.tops.at(-1)!.stanza.name));
  const host = new FuseHost({
    verifiers: new WriteVerifiers(),
    programsOf: () => [],
    fuseActors: () => parts.fuseActors(),
  });
  const graph = await Graph.prepare(wanted.plan, { log, stateDir, stage: 0, host });
  const mounted = running.use(new MountedGraph(graph, wanted.source, UP_MS));
  if ((await within(UP_MS, graph.up())) === undefined) log.warn('the volume is not up yet; calls fail until it is');
  const top = graph.top as MountFuse;
  await top.mount();
  log.info({ mountpoint: top.mountpoint, pid: process.pid }, 'mounted');
  tellParent({ ready: '' });
  const reloads = new Reloads(mounted, volfile, log);
  signals.handle({
    hangup: () => void reloads.hangup(file),
    dump: dumper(() => dumpOf(mounted, stateDir), log),
    ignored: signal => log.warn({ signal }, `${signal} is ignored`),
  });
  reloads.follow();
  const why = await Promise.race([signals.stop, top.ended.catch((error: Error) => error)]);
  return await finish(mounted.current.top as MountFuse, why, log);
}

/** What a state dump of the mount has. */
const dumpOf = ({ current, text }: MountedGraph, dir: string): StateDump => ({
  dir,
  version: VERSION,
  process: { mountpoint: (current.top as MountFuse).mountpoint },
  sections: graphDump('graph', current),
  volfile: text,
});

/** The mount has ended, or is to end because of a signal. */
async function finish(top: MountFuse, why: NodeJS.Signals | Error | void, log: Log): Promise<number> {
  if (why instanceof Error) {
    log.error({ err: why }, 'the mount was ended by the kernel');
    return EXIT.FAILED;
  }
  if (why !== undefined) {
    log.info({ signal: why }, 'unmounting');
    await top.unmount().catch((err: unknown) => log.error({ err }, 'the mount cannot be removed'));
    const ended = await within(
      LEAVE_MS,
      top.ended.then(() => true),
    );
    if (ended === undefined) log.warn('programs still use the mount; their calls fail from now on');
  }
  log.info('unmounted');
  return EXIT.OK;
}

async function openLogFile(wanted: Wanted): Promise<LogFile | undefined> {
  const { file } = wanted.log;
  try {
    if (inBackground()) return LogFile.of(await logFileOf(wanted), STDERR);
    return file === undefined ? undefined : LogFile.open(file);
  } catch (cause) {
    const message = `cannot write the log file ${file}: ${reasonOf(cause)}; choose another with --log-file`;
    throw new CliError(message, EXIT.FAILED, { cause });
  }
}
