/** The limits of a server's connections, and the part of them that each stage gets. */
import { totalmem } from 'node:os';
import type { ClientLimits } from '../rpcsvc/limits/client-limits.ts';
import type { ConnectionLimits } from '../rpcsvc/limits/connection-limits.ts';
import { descriptorLimit } from '../sys/process/descriptor-limit.ts';
import { IO_BYTES_MAX, type NfsOptionValues } from '../xlators/nfs/server/options.ts';

const KiB = 1024;
const MiB = KiB * KiB;
/** The most bytes besides the data in the reply of a READ or the call of a WRITE. */
const HEADER_BYTES_MAX = 64 * KiB;

/** Limits of the connections to NFS, MOUNT and NLM. */
export const LIMITS: ConnectionLimits = {
  recordBytesMax: IO_BYTES_MAX + HEADER_BYTES_MAX,
  fragmentsMax: 512,
  unsentBytesMax: 8 * MiB,
  replyBytesMax: IO_BYTES_MAX + HEADER_BYTES_MAX,
  idleMs: 6 * 3600 * 1000,
  silentMs: 90 * 1000,
  partialMs: 120 * 1000,
  sendMs: 120 * 1000,
};

/** The least memory of a stage. It lets one call of the largest kind be under way, whatever is configured. */
const STAGE_BYTES_MIN = 16 * MiB;
/** The default of nfs.memory-limit is this part of the memory, at most the larger of the two limits that follow. */
const MEMORY_PART = 1 / 4;
const MEMORY_MAX = 512 * MiB;
const MEMORY_OF_STAGE_MAX = 64 * MiB;
/**
 * How many calls of all clients may be under way in a stage, at least. Each takes a few kilobytes besides its
 * arguments.
 */
const STAGE_CALLS_MIN = 4096;

/** Returns how many bytes calls and replies under way may use in the whole server. */
function memoryLimit(settings: Pick<NfsOptionValues, 'nfs.memory-limit'>, stages: number): number {
  const wanted = settings['nfs.memory-limit'];
  if (wanted !== undefined) return wanted;
  const constrained = process.constrainedMemory() || Infinity; // 0 where that is not known
  const memory = Math.min(totalmem(), constrained);
  return Math.min(memory * MEMORY_PART, Math.max(MEMORY_MAX, stages * MEMORY_OF_STAGE_MAX));
}

/** Returns what the clients of one stage may have under way. */
export function clientLimits(settings: NfsOptionValues, stages: number): ClientLimits {
  const callsMax = settings['nfs.outstanding-rpc-limit'];
  const bytes = Math.floor(Math.max(memoryLimit(settings, stages) / stages, STAGE_BYTES_MIN) / 2);
  return {
    callsMax,
    callsTotal: Math.max(STAGE_CALLS_MIN, 2 * callsMax),
    receivedBytesTotal: bytes,
    replyBytesTotal: bytes,
  };
}

/** Returns how many connections there may be. Half of the descriptors are left for files. */
export function connectionsMax(settings: NfsOptionValues): number {
  return Math.min(settings['nfs.connections-limit'], Math.max(1, descriptorLimit() >> 1));
}

/** Limits of the built-in portmapper, whose calls are small and whose clients leave after asking. */
export const PORTMAPPER_LIMITS: ConnectionLimits = {
  ...LIMITS,
  recordBytesMax: HEADER_BYTES_MAX,
  replyBytesMax: 2 * HEADER_BYTES_MAX,
  unsentBytesMax: MiB,
  idleMs: 5 * 60 * 1000,
};

/** What clients of the built-in portmapper may have under way. */
export const PORTMAPPER_CLIENTS: ClientLimits = {
  callsMax: 64,
  callsTotal: 1024,
  receivedBytesTotal: 4 * MiB,
  replyBytesTotal: 4 * MiB,
};

/** How many connections the built-in portmapper may have, in total and of one address. */
export const PORTMAPPER_CONNECTIONS = { connectionsMax: 256, perClientMax: 64 } as const;
