import type { Registry } from '../graph/registry.ts';

/** The types that a volfile may name; each is loaded when one does. The path is the type. */
export const XLATORS = {
  'cluster/disperse': async () => (await import('./cluster/disperse/disperse.ts')).Disperse,
  'cluster/distribute': async () => (await import('./cluster/distribute/distribute.ts')).Distribute,
  'cluster/nufa': async () => (await import('./cluster/nufa.ts')).Nufa,
  'cluster/switch': async () => (await import('./cluster/switch.ts')).Switch,
  'cluster/replicate': async () => (await import('./cluster/replicate/replicate.ts')).Replicate,
  'debug/delay-gen': async () => (await import('./debug/delay-gen.ts')).DelayGen,
  'debug/error-gen': async () => (await import('./debug/error-gen.ts')).ErrorGen,
  'debug/io-stats': async () => (await import('./debug/io-stats.ts')).IoStats,
  'debug/trace': async () => (await import('./debug/trace.ts')).Trace,
  'features/read-only': async () => (await import('./features/read-only.ts')).ReadOnly,
  'features/two-step': async () => (await import('./features/two-step/two-step.ts')).TwoStep,
  'features/utime': async () => (await import('./features/utime.ts')).Utime,
  'features/shard': async () => (await import('./features/shard/shard.ts')).Shard,
  'mount/fuse': async () => (await import('./mount/fuse/mount-fuse.ts')).MountFuse,
  'nfs/server': async () => (await import('./nfs/server/nfs-server.ts')).NfsServer,
  'protocol/client': async () => (await import('./protocol/client/client.ts')).ProtocolClient,
  'storage/posix': async () => (await import('./storage/posix/posix.ts')).Posix,
} as const satisfies Registry;
