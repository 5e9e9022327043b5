import type { ForeignTable } from '../graph/options.ts';

const clientsCache = 'NFS clients cache what they have read, and this server keeps no copy';

/** Types of GlusterFS that a volfile may name and that are not built here: those that do nothing, and what is refused. */
export const FOREIGN_LAYERS: ForeignTable = {
  'features/cdc': { instead: 'no compression between clients and bricks (network.compression off)' },
  'features/cloudsync': { unused: 'files that were moved to another store are not fetched from there' },
  'features/quiesce': {
    unused: 'calls fail with "try again later" while a brick is away, and NFS clients repeat them',
  },
  'features/quota': { unused: 'the bricks enforce quotas' },
  'features/snapview-client': { unused: 'snapshots are not shown as a directory' },
  meta: { unused: 'the command status and state dumps show what it shows as files' },
  'performance/io-cache': { unused: clientsCache },
  'performance/io-threads': { unused: 'calls to bricks occupy no thread' },
  'performance/md-cache': { unused: clientsCache },
  'performance/nl-cache': { unused: 'NFS clients remember which names do not exist' },
  'performance/open-behind': { unused: 'NFS opens no files' },
  'performance/quick-read': { unused: clientsCache },
  'performance/read-ahead': { unused: 'NFS clients read ahead' },
  'performance/readdir-ahead': { unused: 'nfs/server reads listings ahead (nfs3.readdir-ahead)' },
  'performance/write-behind': {
    unused: 'NFS clients gather their writes, and ask with COMMIT for what must be durable',
  },
};
