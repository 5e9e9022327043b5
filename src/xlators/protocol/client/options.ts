/** The options of protocol/client. */
import {
  bool,
  choice,
  duration,
  type ForeignTable,
  integer,
  live,
  type OptionValues,
  path,
  text,
} from '../../../graph/options.ts';
import { TLS_FILES } from '../../../rpcclnt/tls.ts';

const PORT_MAX = 65_535;
const HOUR = 3600;

const tlsPath = (file: string, what: string) => path({ default: file }, `The PEM file of ${what}.`);

const keepAlive = (defaultSeconds: number, what: string) =>
  live(duration({ default: defaultSeconds, min: 0, max: HOUR }, what));

export const CLIENT_OPTIONS = {
  'remote-host': text({ required: true }, 'The host of the brick, as a name or an address.'),
  'remote-subvolume': text({ required: true }, 'The path of the brick on its host.'),
  'remote-port': integer(
    { default: undefined, min: 1, max: PORT_MAX, unset: "the host's glusterd is asked for it" },
    'The port of the brick.',
  ),
  username: text({ default: undefined }, 'The name with which glusterd lets this client in at the brick.'),
  password: text({ default: undefined }, 'The password that belongs to `username`. It is never logged or shown.'),
  'transport-type': choice(['tcp', 'socket'], { default: 'tcp' }, 'How the brick is reached; both words mean TCP.'),
  'transport.address-family': choice(
    ['inet', 'inet6', 'inet/inet6'],
    { default: undefined, unset: 'both' },
    'Whether the host is reached by IPv4, by IPv6, or by what its name has.',
  ),
  'ping-timeout': live(
    duration(
      { default: 42, min: 0, max: HOUR },
      'How long a brick may be silent while calls wait for it, before the connection is given up. 0: for ever.',
    ),
  ),
  'frame-timeout': live(
    duration(
      { default: 1800, min: 0, max: 24 * HOUR },
      'How long a call may take. Calls that wait for a lock may take longer.',
    ),
  ),
  'send-gids': live(
    bool(
      { default: true },
      'Whether the brick is told the groups of the caller, or finds them itself (`server.manage-gids`).',
    ),
  ),
  'transport.socket.keepalive': live(
    bool({ default: true }, 'Whether the kernel looks if an idle brick is still there.'),
  ),
  'transport.socket.keepalive-time': keepAlive(20, 'After how much idle time it looks.'),
  'transport.socket.keepalive-interval': keepAlive(2, 'How often it looks when nothing comes back.'),
  'transport.socket.keepalive-count': live(
    integer({ default: 9, min: 0, max: 255 }, 'After how many times without an answer the connection is given up.'),
  ),
  'transport.tcp-user-timeout': live(
    duration(
      { default: 0, min: 0, max: HOUR },
      'How long data may wait to be acknowledged by the host of the brick, before the kernel gives the connection up. 0: as the kernel does by itself.',
    ),
  ),
  'transport.socket.ssl-enabled': bool({ default: false }, 'Whether the connection to the brick is made with TLS.'),
  'transport.socket.ssl-own-cert': tlsPath(TLS_FILES.ownCert, 'the certificate of this machine'),
  'transport.socket.ssl-private-key': tlsPath(TLS_FILES.privateKey, 'the private key of the certificate'),
  'transport.socket.ssl-ca-list': tlsPath(TLS_FILES.caList, 'the certificates that may have signed that of the brick'),
  'transport.socket.ssl-cert-depth': integer(
    { default: 1, min: 0, max: 100 },
    'How many certificates may stand between that of the brick and one of `ssl-ca-list`.',
  ),
  'transport.socket.ssl-crl-path': path(
    { default: undefined, unset: 'none is' },
    'The directory of the lists of certificates that are revoked.',
  ),
  'transport.socket.ssl-cipher-list': text(
    { default: undefined, unset: 'those of Node.js' },
    'The ciphers that may be used, as OpenSSL names them.',
  ),
} as const;

export type ClientOptions = OptionValues<typeof CLIENT_OPTIONS>;

const bricks = 'it is for bricks, or for what GlusterFS does otherwise';
const decided = 'it is decided here';

export const CLIENT_FOREIGN: ForeignTable = {
  'client-version': { unused: decided },
  'client-bind-insecure': { unused: 'bricks take clients at any port' },
  'clnt-lk-version': { unused: decided },
  opversion: { unused: decided },
  'process-name': { unused: decided },
  'process-uuid': { unused: decided },
  'volfile-checksum': { unused: decided },
  'volfile-key': { unused: decided },
  'event-threads': { unused: 'one thread has all connections of a stage' },
  'filter-O_DIRECT': { unused: 'NFS opens no files' },
  'frame-timeout-*': { unused: bricks },
  'grace-timeout': { unused: 'locks are taken again at once when a brick comes back' },
  'lk-heal': { unused: 'locks are taken again at once when a brick comes back' },
  'strict-locks': { unused: 'a file whose locks could not be taken again when its brick came back always fails' },
  'tcp-window-size': { unused: 'the kernel finds the size itself' },
  'testing.*': { unused: bricks },
  'transport.listen-backlog': { unused: bricks },
  'transport.socket.bind-address': { unused: bricks },
  'transport.socket.listen-port': { unused: bricks },
  'transport.socket.lowlat': { unused: bricks },
  'transport.socket.nodelay': { unused: 'calls are sent at once' },
  'transport.socket.own-thread': { unused: 'one thread has all connections of a stage' },
  'transport.socket.read-fail-log': { unused: decided },
  'transport.socket.ssl-dh-param': { unused: 'it is for the side that is connected to' },
  'transport.socket.ssl-ec-curve': { unused: 'it is for the side that is connected to' },
  'transport.tcp-window-size': { unused: 'the kernel finds the size itself' },
  'transport.window-size': { unused: 'the kernel finds the size itself' },
};
