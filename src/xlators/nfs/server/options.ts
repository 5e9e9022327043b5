/** The options of nfs/server: gNFS's names and, where gNFS has none, names of its kind. */
import { isIP } from 'node:net';
import {
  atStart,
  bool,
  choice,
  each,
  integer,
  limiting,
  list,
  option,
  path,
  size,
  text,
  uuid,
} from '../../../graph/options.ts';
import type { OptionValues } from '../../../graph/options.ts';

const MiB = 1024 * 1024;
/** The most bytes that one READ, WRITE or READDIR carries, whatever is configured. */
export const IO_BYTES_MAX = MiB;
const ioSize = { min: 4096, max: IO_BYTES_MAX, default: IO_BYTES_MAX } as const;
const id = { min: 0, max: 0xffff_fffe, default: 65_534 } as const;
const on = { default: true } as const;
const off = { default: false } as const;
const none = { default: undefined } as const;
const required = { required: true } as const; // of a pattern: each that is set has a value
const orAllow = (option: string) => ({ ...required, aliases: [`${option}.allow`] }) as const; // gNFS has both
const hosts = 'addresses, networks (10.0.0.0/8), wildcards (10.0.*) and host names, separated by commas, or *';

const CALLS_MAX = 65_536;
const calls = integer(
  { min: 0, max: CALLS_MAX, default: 512, aliases: ['rpc.outstanding-rpc-limit'] },
  `calls that one client may have under way at a time; 0, GlusterFS’s "no limit", is as many as can be`,
);
const mostIfNone = (limit: number | undefined) => (limit === 0 ? CALLS_MAX : limit);
const drcSize = size({ min: 0, max: 1024 * MiB, default: 16 * MiB }, 'what each stage keeps of them');
const dirs = 'the directories that may be mounted, each with its hosts: /a(10.0.0.0/8),/b; nothing is none';

export const OPTIONS = {
  'nfs.port': atStart(
    integer({ min: 0, max: 65_535, default: 2049 }, 'the TCP and UDP port; 0 lets the kernel choose'),
  ),
  'nfs.bind-address': atStart(
    limiting(
      option(
        { default: '127.0.0.1' },
        'an address of this machine, or a name of it',
        'the address to listen on; :: is all of them, IPv4 and IPv6',
        value => (isIP(value) !== 0 || /^(?![0-9.]*$)[\w.-]+$/.test(value) ? value : undefined),
      ),
    ),
  ),
  'nfs.mem-factor': integer({ min: 1, max: 1024, default: 15 }, 'how many unused inodes are kept: 32768 times this'),
  'nfs.enable-ino32': bool(off, 'file ids and listings’ cookies of 32 bits, for clients that know no others'),
  'nfs.dynamic-volumes': bool(on, 'a volume whose brick is down at the start is served as soon as it is up'),
  'nfs.rdirplus': bool(on, 'READDIRPLUS is answered'),
  'nfs.mount-udp': atStart(bool(on, 'MOUNT and NLM are served over UDP as well')),
  'nfs.nlm': atStart(
    bool(on, 'lock calls are refused at once by NLM; off: no NLM, so clients not told nolock may hang'),
  ),
  'nfs.mount-rmtab': atStart(text(none, 'the file that remembers who has mounted what; /- for none')),
  'nfs.server-aux-gids': bool(off, 'groups of a user are looked up here, not taken from the client (for more than 16)'),
  'nfs.*.disable': each(limiting(bool(required, 'nothing of this volume is exported'))),
  'nfs.exports-auth-enable': limiting(
    option(
      off,
      'off (exports and netgroups files are not read here: name the hosts with rpc-auth.addr.VOLUME.allow)',
      'GlusterFS’s switch for its exports and netgroups files, which are not read here',
      value => (bool(off, '').parse(value) === false ? false : undefined),
    ),
  ),
  'nfs.outstanding-rpc-limit': atStart({ ...calls, parse: (value: string) => mostIfNone(calls.parse(value)) }),
  'nfs.connections-limit': atStart(
    integer({ min: 1, max: 65_536, default: 4096 }, 'TCP connections at a time, of all clients'),
  ),
  'nfs.connections-per-client': atStart(
    integer(
      { min: 1, max: 65_536, default: 1024 },
      'TCP connections at a time of one address, which may be that of many hosts',
    ),
  ),
  'nfs.memory-limit': atStart(
    size(
      { min: 16 * MiB, max: 1024 * 1024 * MiB, default: undefined },
      'what calls and replies under way may take, of all clients; by default a quarter of the memory, at most 512MB',
    ),
  ),
  'nfs.drc': atStart(bool(on, 'replies of calls that are not idempotent are kept for clients that ask again')),
  'nfs.drc-size': atStart({
    ...drcSize,
    expected: `${drcSize.expected} (GlusterFS counts replies: for its 0x20000 write 32MB)`,
  }),
  'rpc.register-with-portmap': atStart(bool(on, 'the programs are registered with rpcbind at the start')),
  'nfs3.read-size': size(ioSize, 'the most that one READ gives'),
  'nfs3.write-size': size(ioSize, 'the most that one WRITE takes'),
  'nfs3.readdir-size': size(ioSize, 'the most that one READDIR or READDIRPLUS gives'),
  'nfs3.export-volumes': limiting(bool(on, 'each volume is exported as /VOLUME')),
  'nfs3.export-dirs': limiting(bool(on, 'directories in volumes may be mounted as /VOLUME/DIR')),
  'nfs3.*.export-dir': each(limiting(option(required, dirs, dirs, value => value))),
  'nfs3.*.export-as': each(list(path(required, ''), required, 'more paths that the volume is mounted by')),
  'nfs3.*.volume-access': each(
    limiting(choice(['read-write', 'read-only'], required, 'what may be done with the volume')),
  ),
  'nfs3.*.volume-id': each(uuid(required, 'what tells the volume in file handles; by default its name does')),
  'nfs3.*.trusted-sync': each(bool(required, 'every WRITE and COMMIT is answered as if it were durable')),
  'nfs3.*.trusted-write': each(bool(required, 'UNSTABLE writes are answered as FILE_SYNC')),
  'nfs3.*.squash': each(limiting(choice(['none', 'root', 'all'], required, 'which users become the anonymous one'))),
  'nfs3.*.anonuid': each(limiting(integer(id, 'the uid of the anonymous user'))),
  'nfs3.*.anongid': each(limiting(integer(id, 'the gid of the anonymous user'))),
  'rpc-auth.auth-null': limiting(bool(on, 'AUTH_NONE is taken')),
  'rpc-auth.auth-null.*': each(limiting(bool(orAllow('rpc-auth.auth-null.*'), 'AUTH_NONE is taken for this volume'))),
  'rpc-auth.auth-unix': limiting(bool(on, 'AUTH_SYS is taken')),
  'rpc-auth.auth-unix.*': each(limiting(bool(orAllow('rpc-auth.auth-unix.*'), 'AUTH_SYS is taken for this volume'))),
  'rpc-auth.addr.allow': limiting(text({ default: '*' }, `who may mount: ${hosts}`)),
  'rpc-auth.addr.namelookup': limiting(bool(on, 'host names in these lists are looked up; off: they may have none')),
  'rpc-auth.addr.reject': limiting(text(none, `who may not mount, whatever is allowed: ${hosts}`)),
  'rpc-auth.addr.*.allow': each(limiting(text(required, `who may mount this volume: ${hosts}`))),
  'rpc-auth.addr.*.reject': each(limiting(text(required, `who may not mount this volume: ${hosts}`))),
  'rpc-auth.ports.insecure': limiting(bool(off, 'clients may use ports from 1024 on, which any user of theirs can')),
  'rpc-auth.ports.*.insecure': each(limiting(bool(off, 'clients of this volume may use ports from 1024 on'))),
};

export type NfsOptionValues = OptionValues<typeof OPTIONS>;

/** What the actors look at. */
export interface NfsOptions {
  /** Bytes that FSINFO announces and READ, WRITE and READDIR keep to. */
  readonly readSize: number;
  readonly writeSize: number;
  readonly readdirSize: number;
  /** 32-bit file ids, for clients that know no others; cookies: see `Frame.narrowCookies`. */
  readonly ino32: boolean;
  /** Answer READDIRPLUS; NFS3ERR_NOTSUPP otherwise. */
  readonly readdirplus: boolean;
}

export function actorOptions(values: NfsOptionValues): NfsOptions {
  return {
    readSize: values['nfs3.read-size'],
    writeSize: values['nfs3.write-size'],
    readdirSize: values['nfs3.readdir-size'],
    ino32: values['nfs.enable-ino32'],
    readdirplus: values['nfs.rdirplus'],
  };
}
