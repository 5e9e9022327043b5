/** What the server reports about itself on the control socket, as plain data. */
import { fromWire } from '../../wire-text.ts';
import { hostPort } from '../../rpc/address.ts';
import type { ReplyCacheStats } from '../../rpcsvc/duplicates/reply-cache.ts';
import type { FopStats, IoStatsSnapshot } from '../../xlators/debug/io-stats-snapshot.ts';
import { percentileUs } from '../../xlators/debug/io-stats-snapshot.ts';
import { accessOf, type Export } from '../../xlators/nfs/server/exports/exports.ts';
import type { MountEntry } from '../../xlators/nfs/server/mount/mount-entry.ts';
import type { Server } from '../server.ts';
import { mergeVolumes, type VolumeStats } from './stats.ts';

export interface ExportReport {
  readonly volume: string;
  /** The directory's path within the volume, from `/`. */
  readonly directory: string;
  readonly paths: readonly string[];
  readonly access: 'read-write' | 'read-only';
  readonly squash: string;
  readonly anonUid: number;
  readonly anonGid: number;
  readonly allow: readonly string[];
  readonly reject: readonly string[];
  readonly insecurePorts: boolean;
  readonly auth: readonly string[];
  readonly up?: boolean;
}

/** The statistics of one fop at one xlator. */
export interface FopReport {
  readonly fop: string;
  readonly calls: number;
  readonly errors: number;
  readonly underWay: number;
  /**
   * Times are in microseconds. The percentiles are the upper ends of buckets of a histogram, which are powers of two.
   */
  readonly usMean: number;
  readonly usP50: number;
  readonly usP99: number;
  readonly usMax: number;
}

export interface VolumeReport extends Omit<VolumeStats, 'io'> {
  readonly io: readonly {
    readonly xlator: string;
    readonly seconds: number;
    readonly bytesRead: number;
    readonly bytesWritten: number;
    readonly fops: readonly FopReport[];
  }[];
}

export interface StatusReport {
  readonly pid: number;
  readonly version: string;
  readonly address: string;
  readonly startedAt: string;
  readonly uptimeSeconds: number;
  readonly volfile: string;
  readonly memory: { readonly rssBytes: number; readonly heapBytes: number; readonly bufferBytes: number };
  readonly programs: readonly {
    readonly name: string;
    readonly program: number;
    readonly version: number;
    readonly netid: string;
    readonly port: number;
  }[];
  readonly stages: readonly {
    readonly stage: number;
    readonly connections: number;
    readonly callsUnderWay: number;
    readonly heapBytes: number;
    readonly bufferBytes: number;
    /** The replies that are kept for retries. */
    readonly replies: ReplyCacheStats;
    /** How long the stage has not answered, in milliseconds. The other values are then those that it reported last. */
    readonly silentMs?: number;
  }[];
  readonly clients: readonly {
    readonly address: string;
    readonly stage: number;
    readonly connections: number;
    readonly callsUnderWay: number;
  }[];
  readonly volumes: readonly VolumeReport[];
  /** The bricks whose file systems do not answer, and since when (ISO 8601). */
  readonly hangs: readonly { readonly brick: string; readonly since: string }[];
  /** What is wrong with the volfile, or with where it comes from. */
  readonly troubles: readonly string[];
}

export async function statusReport(server: Server, version: string): Promise<StatusReport> {
  const stages = await server.stats();
  const total = (key: 'heapBytes' | 'bufferBytes') => stages.reduce((sum, { graph }) => sum + graph[key], 0);
  return {
    pid: process.pid,
    version,
    address: hostPort(server.address.address, server.address.port),
    startedAt: server.startedAt.toISOString(),
    uptimeSeconds: Math.round((Date.now() - server.startedAt.getTime()) / 1000),
    volfile: server.config.file,
    memory: {
      rssBytes: process.memoryUsage.rss(),
      heapBytes: total('heapBytes'),
      bufferBytes: total('bufferBytes'),
    },
    programs: [...server.ports].map(({ name, program, version, netid, port }) => ({
      name,
      program,
      version,
      netid,
      port,
    })),
    stages: stages.map(({ stage, connections, replies, graph, silentMs }) => ({
      stage,
      connections,
      callsUnderWay: graph.callsUnderWay,
      heapBytes: graph.heapBytes,
      bufferBytes: graph.bufferBytes,
      replies,
      ...(silentMs !== undefined && { silentMs }),
    })),
    clients: stages.flatMap(({ stage, clients }) => clients.map(client => ({ ...client, stage }))),
    volumes: mergeVolumes(stages.map(({ graph }) => graph)).map(volumeReport),
    hangs: server.hangs.map(({ brick, since }) => ({ brick, since: since.toISOString() })),
    troubles: server.troubles(),
  };
}

function volumeReport(stats: VolumeStats): VolumeReport {
  const io = Object.entries(stats.io).map(([xlator, snapshot]) => ({ xlator, ...ioReport(snapshot) }));
  return { ...stats, io };
}

function ioReport({ seconds, bytesRead, bytesWritten, fops }: IoStatsSnapshot) {
  const reports = Object.entries(fops).map(([fop, stats]) => fopReport(fop, stats));
  return { seconds, bytesRead, bytesWritten, fops: reports.sort((a, b) => b.calls - a.calls) };
}

function fopReport(fop: string, stats: FopStats): FopReport {
  const { calls, errors, underWay, usTotal, usMax } = stats;
  const us = (value: number) => Math.round(value * 10) / 10;
  return {
    fop,
    calls,
    errors,
    underWay,
    usMean: calls === 0 ? 0 : us(usTotal / calls),
    usP50: us(percentileUs(stats, 0.5)),
    usP99: us(percentileUs(stats, 0.99)),
    usMax: us(usMax),
  };
}

export function exportReport(on: Export): ExportReport {
  const { volume, dir, paths, hosts, rules } = on;
  const auth = [rules.authSys.value ? 'sys' : '', rules.authNone.value ? 'none' : ''];
  return {
    volume: volume.name,
    directory: fromWire(`/${dir.join('/')}`),
    paths: paths.map(fromWire),
    access: accessOf(on).mode,
    squash: rules.squash.value,
    anonUid: rules.anonUid,
    anonGid: rules.anonGid,
    allow: (hosts.value ?? rules.allow.value).words,
    reject: [...new Set(rules.rejects.flatMap(({ value }) => value.words))],
    insecurePorts: rules.insecurePorts.value,
    auth: auth.filter(name => name !== ''),
  };
}

export async function exportsReport(server: Server): Promise<ExportReport[]> {
  const volumes = mergeVolumes((await server.stats()).map(({ graph }) => graph));
  const up = new Map(volumes.map(volume => [volume.name, volume.up]));
  return server.planned.exports.map(on => ({ ...exportReport(on), up: up.get(on.volume.name) ?? false }));
}

export async function mountsReport({ mounts }: Server): Promise<readonly MountEntry[]> {
  return (await mounts.list()).map(({ host, path }) => ({ host, path: fromWire(path) }));
}
