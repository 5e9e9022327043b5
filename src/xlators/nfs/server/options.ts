/** The options of nfs/server: gNFS's names and, where gNFS has none, names of its kind. */
import { isIP } from 'node:net';
import {
  atStart,
  bool,
  choice,
  each,
  integer,
  limiting,
  live,
  list,
  option,
  path,
  size,
  text,
  uuid,
} from '../../../graph/options.ts';
import type { Option, OptionValues, Spec } from '../../../graph/options.ts';

const MiB = 1024 * 1024;
/** The most bytes that one READ, WRITE or READDIR carries, whatever is configured. */
export const IO_BYTES_MAX = MiB;
const ioSize = { min: 4096, max: IO_BYTES_MAX, default: IO_BYTES_MAX } as const;
/** The uid and gid of the anonymous user unless options set them. On Linux they belong to the user `nobody`. */
export const NOBODY = 65_534;
const id = { min: 0, max: 0xffff_fffe, default: NOBODY } as const;
const on = { default: true } as const;
const off = { default: false } as const;
/** For an option of each volume. `unset` says what holds for volumes for which it is not set. */
const perVolume = (unset: string) => ({ required: true, unset }) as const;
/** For an option of each volume that has a second name in gNFS, and whose default is another option's value. */
const orAllow = (general: string) => ({ ...perVolume(`the value of ${general}`), aliases: [`${general}.*.allow`] });

/** A list of hosts. Its words are checked where the exports are made (exports/hosts.ts). */
function hostList<D extends string | undefined = never>(spec: Spec<D>, doc: string): Option<string | D> {
  const expected = 'addresses, networks (10.0.0.0/8), wildcards (10.0.*) and host names, separated by commas, or *';
  return option<string, D>(spec, expected, doc, value => (value === '' ? undefined : value));
}

const CALLS_MAX = 65_536;
const calls = integer(
  { min: 0, max: CALLS_MAX, default: 512, aliases: ['rpc.outstanding-rpc-limit'] },
  `How many calls one client may have under way at a time. 0, GlusterFS's "no limit", means ${CALLS_MAX}.`,
);
const mostIfNone = (limit: number | undefined) => (limit === 0 ? CALLS_MAX : limit);
const drcSize = size(
  { min: 0, max: 1024 * MiB, default: 16 * MiB },
  'How much memory each stage may use for the replies that nfs.drc keeps.',
);

export const OPTIONS = {
  'nfs.port': atStart(
    integer(
      { min: 0, max: 65_535, default: 2049 },
      'The TCP and UDP port that the server listens on. With 0 the kernel chooses a free one.',
    ),
  ),
  'nfs.bind-address': atStart(
    limiting(
      option(
        { default: '127.0.0.1' },
        'an address of this machine, or a name of it',
        'The address that the server listens on. 0.0.0.0 stands for all IPv4 addresses, :: for all of IPv4 and IPv6.',
        value => (isIP(value) !== 0 || /^(?![0-9.]*$)[\w.-]+$/.test(value) ? value : undefined),
      ),
    ),
  ),
  'nfs.mem-factor': integer(
    { min: 1, max: 1024, default: 15 },
    'How many unused inodes each stage keeps in memory for each volume: 32768 times this number.',
  ),
  'nfs.enable-ino32': bool(
    off,
    'Gives clients file ids and directory cookies of 32 bits, for those that cannot use 64 bits.',
  ),
  'nfs.rdirplus': live(
    bool(on, 'Answers READDIRPLUS. When it is off, clients are told that it is not supported, and use READDIR.'),
  ),
  'nfs.mount-udp': atStart(bool(on, 'Serves MOUNT and NLM over UDP as well as over TCP.')),
  'nfs.nlm': atStart(
    bool(
      on,
      'Serves NLM, which refuses every lock at once. When it is off, clients that did not mount with nolock may hang ' +
        'in their first lock.',
    ),
  ),
  'nfs.mount-rmtab': atStart(
    text(
      { default: undefined, unset: 'the file rmtab in the state directory' },
      'The file that keeps the list of mounts across restarts. /- stands for no file.',
    ),
  ),
  'nfs.handle-key-file': atStart(
    path(
      { default: undefined, unset: 'the file handle.key in the state directory' },
      'The file with the secret key of file handles, 16 bytes that only the owner may read. Servers with the same key and ' +
        'volumes take over from each other: clients keep their handles.',
    ),
  ),
  'nfs.server-aux-gids': live(
    bool(
      off,
      'Looks up the groups of each user on this machine instead of taking them from the client, which sends 16 at most.',
    ),
  ),
  'nfs.*.disable': live(each(limiting(bool(perVolume('off'), 'Exports nothing of this volume.')))),
  'nfs.exports-auth-enable': limiting(
    option(
      off,
      'off (exports and netgroups files are not read here: name the hosts with rpc-auth.addr.VOLUME.allow)',
      "GlusterFS's switch for its exports and netgroups files. It can only be off, since they are not read here.",
      value => (bool(off, '').parse(value) === false ? false : undefined),
      () => 'off',
    ),
  ),
  'nfs.outstanding-rpc-limit': atStart({ ...calls, parse: (value: string) => mostIfNone(calls.parse(value)) }),
  'nfs.connections-limit': atStart(
    integer(
      { min: 1, max: 65_536, default: 4096 },
      'How many TCP connections all clients together may have. They never take more than half of the descriptors of ' +
        'the process.',
    ),
  ),
  'nfs.connections-per-client': atStart(
    integer(
      { min: 1, max: 65_536, default: 1024 },
      'How many TCP connections one address may have. Many hosts can share an address.',
    ),
  ),
  'nfs.memory-limit': atStart(
    size(
      {
        min: 16 * MiB,
        max: 1024 * 1024 * MiB,
        default: undefined,
        unset: 'a quarter of the memory, but at most 512MB, or 64MB for each stage if that is more',
      },
      'How much memory the calls and replies under way of all clients together may use.',
    ),
  ),
  'nfs.drc': atStart(
    bool(on, 'Keeps the replies of calls that are not idempotent, and answers a retry with the same reply.'),
  ),
  'nfs.drc-size': atStart({
    ...drcSize,
    expected: `${drcSize.expected} (GlusterFS counts replies: for its 0x20000 write 32MB)`,
  }),
  'rpc.register-with-portmap': atStart(bool(on, 'Registers the programs with rpcbind when the server starts.')),
  'nfs3.read-size': live(size(ioSize, 'The most bytes that one READ returns.')),
  'nfs3.write-size': live(size(ioSize, 'The most bytes that one WRITE takes.')),
  'nfs3.readdir-size': live(size(ioSize, 'The most bytes that one READDIR or READDIRPLUS returns.')),
  'nfs3.readdir-ahead': live(
    bool(
      on,
      'Reads listings ahead: while a client gets a part of a directory of a GlusterFS volume, the bricks are asked for the ' +
        'next part. What other clients of the bricks change may be seen a second later. Nothing is read ahead with several stages.',
    ),
  ),
  'nfs3.export-volumes': live(limiting(bool(on, 'Exports each volume as a whole, as /VOLUME.'))),
  'nfs3.export-dirs': live(limiting(bool(on, 'Allows clients to mount directories in a volume, as /VOLUME/DIR.'))),
  'nfs3.*.export-dir': live(
    each(
      limiting(
        option(
          perVolume('none'),
          'directories separated by commas, each with its hosts if not all may mount it: /a(10.0.0.0/8),/b',
          'Directories of this volume that are exported on their own, as /VOLUME/DIR, each with the hosts that may ' +
            'mount it. To export nothing else, set nfs3.export-volumes off.',
          value => value,
        ),
      ),
    ),
  ),
  'nfs3.*.export-as': live(
    each(list(path({ required: true }, ''), perVolume('none'), 'More paths by which clients can mount this volume.')),
  ),
  'nfs3.*.volume-access': live(
    each(
      limiting(choice(['read-write', 'read-only'], perVolume('read-write'), 'Whether clients may change this volume.')),
    ),
  ),
  'nfs3.*.volume-id': each(
    uuid(
      perVolume('none, the name of the volume identifies it'),
      'The UUID that identifies this volume in file handles. With it the volume can be given another name without ' +
        'making handles stale.',
    ),
  ),
  'nfs3.*.trusted-sync': live(
    each(
      bool(
        perVolume('off'),
        'Answers every WRITE and COMMIT as if the data were durable. What clients believe to be safe is lost if this ' +
          'machine fails.',
      ),
    ),
  ),
  'nfs3.*.trusted-write': live(
    each(
      bool(
        perVolume('off'),
        'Answers UNSTABLE writes as FILE_SYNC, so that clients send no COMMIT. What clients believe to be safe is lost ' +
          'if this machine fails.',
      ),
    ),
  ),
  'nfs3.*.squash': live(
    each(
      limiting(
        choice(
          ['none', 'root', 'all'],
          perVolume('none'),
          'The users whose calls run as the anonymous user: none of them, root, or all.',
        ),
      ),
    ),
  ),
  'nfs3.*.anonuid': live(each(limiting(integer(id, 'The user id of the anonymous user.')))),
  'nfs3.*.anongid': live(each(limiting(integer(id, 'The group id of the anonymous user.')))),
  'rpc-auth.auth-null': live(
    limiting(bool(on, 'Accepts calls without credentials (AUTH_NONE), which run as the anonymous user.')),
  ),
  'rpc-auth.auth-null.*': live(
    each(
      limiting(bool(orAllow('rpc-auth.auth-null'), 'Accepts calls without credentials (AUTH_NONE) on this volume.')),
    ),
  ),
  'rpc-auth.auth-unix': live(limiting(bool(on, 'Accepts calls with user and group ids (AUTH_SYS).'))),
  'rpc-auth.auth-unix.*': live(
    each(
      limiting(bool(orAllow('rpc-auth.auth-unix'), 'Accepts calls with user and group ids (AUTH_SYS) on this volume.')),
    ),
  ),
  'rpc-auth.addr.allow': live(
    limiting(hostList({ default: '*' }, 'The hosts that may use the volumes that have no list of their own.')),
  ),
  'rpc-auth.addr.namelookup': live(
    limiting(
      bool(on, 'Looks up the host names in these lists. When it is off, a list with a host name stops the start.'),
    ),
  ),
  'rpc-auth.addr.reject': live(
    limiting(
      hostList({ default: undefined, unset: 'none' }, 'The hosts that may use no volume, even if a list allows them.'),
    ),
  ),
  'rpc-auth.addr.*.allow': live(
    each(limiting(hostList(perVolume('the value of rpc-auth.addr.allow'), 'The hosts that may use this volume.'))),
  ),
  'rpc-auth.addr.*.reject': live(
    each(
      limiting(
        hostList(
          perVolume('none'),
          'The hosts that may not use this volume, even if a list allows them, in addition to rpc-auth.addr.reject.',
        ),
      ),
    ),
  ),
  'rpc-auth.ports.insecure': live(
    limiting(bool(off, 'Accepts calls from client ports from 1024 on, which any user of a client machine can use.')),
  ),
  'rpc-auth.ports.*.insecure': live(
    each(
      limiting(
        bool(
          perVolume('the value of rpc-auth.ports.insecure'),
          'Accepts calls to this volume from ports from 1024 on.',
        ),
      ),
    ),
  ),
};

export type NfsOptionValues = OptionValues<typeof OPTIONS>;

/** The options that the actors use. */
export interface NfsOptions {
  /** The most bytes of a READ, a WRITE and a READDIR, which FSINFO announces. */
  readonly readSize: number;
  readonly writeSize: number;
  readonly readdirSize: number;
  /** Whether listings are read ahead. */
  readonly readdirAhead: boolean;
  /** Whether clients get file ids of 32 bits. For cookies of 32 bits see `Frame.narrowCookies`. */
  readonly ino32: boolean;
  /** Whether READDIRPLUS is answered. If not, it fails with NFS3ERR_NOTSUPP. */
  readonly readdirplus: boolean;
}

export function actorOptions(values: NfsOptionValues): NfsOptions {
  return {
    readSize: values['nfs3.read-size'],
    writeSize: values['nfs3.write-size'],
    readdirSize: values['nfs3.readdir-size'],
    readdirAhead: values['nfs3.readdir-ahead'],
    ino32: values['nfs.enable-ino32'],
    readdirplus: values['nfs.rdirplus'],
  };
}
