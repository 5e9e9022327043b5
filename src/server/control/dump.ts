/**
 * Writes a state dump, as GlusterFS does on SIGUSR1: a file in the state directory that records what a server or a mount
 * has and does, to be examined later. It names paths and clients, so only the user of the process can read it.
 */
import { constants, readdirSync, readlinkSync } from 'node:fs';
import { open, readdir, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { maskedText } from '../../volfile/print.ts';
import { descriptorLimit } from '../../sys/process/descriptor-limit.ts';
import type { DumpValues } from '../../graph/xlator.ts';
import type { DumpSection } from './graph-dump.ts';

const { O_CREAT, O_EXCL, O_NOFOLLOW, O_WRONLY } = constants;
const OWNER_ONLY = 0o600;

/** How many dumps the state directory keeps, those of earlier servers included. The oldest are removed. */
const KEPT_MAX = 10;
/** How many descriptors have their kinds counted. */
const LOOKED_AT_MAX = 10_000;

const NAME = /^bricknfs\.\d+\.dump\.(\d+)\.(\d{3})$/;

/** What is written besides what is known of each process. */
export interface StateDump {
  /** The state directory. */
  readonly dir: string;
  readonly version: string;
  /** What the first section says of the process. */
  readonly process: DumpValues;
  readonly sections: readonly DumpSection[];
  /** The text of the volfile; passwords in it are not shown. */
  readonly volfile: string;
}

/** Writes a state dump and returns its path. @throws {Error} the file cannot be made */
export async function writeDump(dump: StateDump): Promise<string> {
  const { dir } = dump;
  await makeRoom(dir);
  const now = new Date();
  const text = dumpText(dump, now);
  const seconds = Math.floor(now.getTime() / 1000);
  const path = join(dir, `bricknfs.${process.pid}.dump.${seconds}.${String(now.getMilliseconds()).padStart(3, '0')}`);
  await using file = await open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, OWNER_ONLY);
  await file.writeFile(text);
  return path;
}

/** Removes the oldest dumps, so that there is room for one more. */
async function makeRoom(dir: string): Promise<void> {
  const age = (name: string) => Number(NAME.exec(name)!.slice(1).join(''));
  const names = (await readdir(dir)).filter(name => NAME.test(name)).sort((a, b) => age(b) - age(a));
  await Promise.all(names.slice(KEPT_MAX - 1).map(name => unlink(join(dir, name)).catch(() => {})));
}

function dumpText({ version, process: own, sections, volfile }: StateDump, now: Date): string {
  const graph = maskedText(volfile)
    .trimEnd()
    .split('\n')
    .map(line => printable(line));
  return [
    `DUMP-START-TIME: ${now.toISOString()}`,
    ...[globalSection(version, own), openDescriptors(), ...sections].map(sectionText),
    `[volfile]\n${graph.join('\n')}\n`,
    `DUMP-END-TIME: ${new Date().toISOString()}\n`,
  ].join('\n\n');
}

function sectionText([title, values]: DumpSection): string {
  const lines = Object.entries(values).map(([name, value]) => printable(`${name}=${value}`));
  return [printable(`[${title}]`), ...lines].join('\n');
}

/** Keeps the value on one line, whatever a client has put into a name. */
function printable(text: string): string {
  return text.replace(/\p{C}/gu, char => `\\u{${char.codePointAt(0)!.toString(16)}}`);
}

function globalSection(version: string, own: DumpValues): DumpSection {
  const { rss, heapUsed, external } = process.memoryUsage();
  return [
    'global',
    {
      version,
      node: process.version,
      pid: process.pid,
      uid: process.geteuid!(),
      ...own,
      'rss-bytes': rss,
      'heap-bytes': heapUsed,
      'buffer-bytes': external,
    },
  ];
}

/** The number of the process's descriptors of each kind. */
function openDescriptors(): DumpSection {
  const fds = readdirSync('/proc/self/fd');
  const kinds = Map.groupBy(fds.slice(0, LOOKED_AT_MAX), kindOf);
  const counts = [...kinds].map(([kind, found]) => [kind, found.length]);
  return ['descriptors', { open: fds.length, limit: descriptorLimit(), ...Object.fromEntries(counts) }];
}

/** Returns the kind of a descriptor: `path` for a file, otherwise such as `socket` or `anon_inode`. */
function kindOf(fd: string): string {
  try {
    const link = readlinkSync(`/proc/self/fd/${fd}`);
    return link.startsWith('/') ? 'path' : link.split(':')[0]!;
  } catch {
    return 'closed'; // meanwhile
  }
}
