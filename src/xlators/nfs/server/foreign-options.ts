/** Options of GlusterFS's nfs/server that users may write and that this one does not have. */
import type { ForeignTable } from '../../../graph/options.ts';

const noLocks = 'locks over the network are not served';
const noFiles = 'no exports and netgroups files are read';

export const FOREIGN: ForeignTable = {
  'nfs.acl': { ignored: 'the kernel enforces ACLs, and clients can neither read nor set them' },
  'nfs.auth-cache-ttl-sec': { ignored: noFiles },
  'nfs.auth-refresh-interval-sec': { ignored: noFiles },
  'nfs.dynamic-volumes': { ignored: 'a volume whose brick is down at the start is always served once the brick is up' },
  'nfs.rpc-statd': { ignored: noLocks },
  'nfs.rpc-statd-notify-pidfile': { ignored: noLocks },
  'nfs.rpc-statd-pidfile': { ignored: noLocks },
  'nfs.server.aux-gid-timeout': { ignored: 'how long the groups of a user are kept is not to be set' },
  // `gluster volume set` has these names for options that volfiles spell otherwise.
  'auth.allow': { instead: 'option rpc-auth.addr.VOLUME.allow' },
  'auth.reject': { instead: 'option rpc-auth.addr.VOLUME.reject' },
  'nfs.addr-namelookup': { instead: 'option rpc-auth.addr.namelookup' },
  'nfs.disable': { instead: 'option nfs.VOLUME.disable' },
  'nfs.export-dir': { instead: 'option nfs3.VOLUME.export-dir' },
  'nfs.export-dirs': { instead: 'option nfs3.export-dirs' },
  'nfs.export-volumes': { instead: 'option nfs3.export-volumes' },
  'nfs.ports-insecure': { instead: 'option rpc-auth.ports.VOLUME.insecure' },
  'nfs.rpc-auth-allow': { instead: 'option rpc-auth.addr.VOLUME.allow' },
  'nfs.rpc-auth-null': { instead: 'option rpc-auth.auth-null.VOLUME' },
  'nfs.rpc-auth-reject': { instead: 'option rpc-auth.addr.VOLUME.reject' },
  'nfs.rpc-auth-unix': { instead: 'option rpc-auth.auth-unix.VOLUME' },
  'nfs.trusted-sync': { instead: 'option nfs3.VOLUME.trusted-sync' },
  'nfs.trusted-write': { instead: 'option nfs3.VOLUME.trusted-write' },
  'nfs.volume-access': { instead: 'option nfs3.VOLUME.volume-access' },
  'transport.socket.bind-address': { instead: 'option nfs.bind-address' },
};
