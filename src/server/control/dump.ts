/**
 * Writes the state dump, as GlusterFS does on SIGUSR1: a file in the state directory that records what the server has
 * and does, to be examined later. It names paths and clients, so only the server's user can read it.
 */
import { constants, readdirSync, readlinkSync } from 'node:fs';
import { open, readdir, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { hostPort } from '../../rpc/address.ts';
import { maskedText } from '../../volfile/print.ts';
import { descriptorLimit } from '../../sys/process/descriptor-limit.ts';
import type { Server } from '../server.ts';
import type { DumpSection } from './stage-dump.ts';

const { O_CREAT, O_EXCL, O_NOFOLLOW, O_WRONLY } = constants;
const OWNER_ONLY = 0o600;

/** How many dumps the state directory keeps, those of earlier servers included. The oldest are removed. */
const KEPT_MAX = 10;
/** How many descriptors have their kinds counted. */
const LOOKED_AT_MAX = 10_000;

const NAME = /^bricknfs\.\d+\.dump\.(\d+)\.(\d{3})$/;

/** Writes a state dump and returns its path. @throws {Error} the file cannot be made */
export async function writeDump(server: Server, version: string): Promise<string> {
  const dir = server.config.stateDir;
  await makeRoom(dir);
  const now = new Date();
  const text = await dumpText(server, version, now);
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

async function dumpText(server: Server, version: string, now: Date): Promise<string> {
  const stages = await server.dump();
  const sections = [globalSection(server, version), openDescriptors(), programSection(server), ...stages.flat()];
  const graph = maskedText(server.text)
    .trimEnd()
    .split('\n')
    .map(line => printable(line));
  return [
    `DUMP-START-TIME: ${now.toISOString()}`,
    ...sections.map(sectionText),
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

function globalSection({ address, startedAt, config }: Server, version: string): DumpSection {
  const { rss, heapUsed, external } = process.memoryUsage();
  return [
    'global',
    {
      version,
      node: process.version,
      pid: process.pid,
      uid: process.geteuid!(),
      address: hostPort(address.address, address.port),
      'started-at': startedAt.toISOString(),
      volfile: config.file,
      stages: config.stages,
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

function programSection({ ports }: Server): DumpSection {
  const programs = [...ports].map(({ name, program, version, netid, port }) => [
    `${program}.${version}.${netid}`,
    `${name} port ${port}`,
  ]);
  return ['programs', Object.fromEntries(programs)];
}
