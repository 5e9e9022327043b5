/** The flags of `serve`. */
import type { InferredOptionTypes } from 'yargs';
import { choiceOf, integerOf, once, textOf, textsOf } from '../flag-values.ts';
import { LOG_OPTIONS } from '../log-options.ts';
import { GLUSTER_OPTIONS } from '../volfile-argument.ts';

export const STAGES_MAX = 64;
const ID_MAX = 0xffff_fffe;
const PORTMAP_PORT = 111;

/** The flag may stand alone (`--portmapper`) or have a port (`--portmapper 1111`). */
function portmapperPort(value: unknown): number | undefined {
  const text = once('--portmapper', value);
  return text === '' ? PORTMAP_PORT : integerOf('--portmapper', 0, 65_535)(text);
}

const text = (flag: string, describe: string) => ({ type: 'string', coerce: textOf(flag), describe }) as const;
const integer = (flag: string, min: number, max: number, describe: string) =>
  ({ type: 'string', coerce: integerOf(flag, min, max), describe }) as const;
const flag = (describe: string) => ({ type: 'boolean', default: false, describe }) as const;
const texts = (name: string, describe: string) =>
  ({ type: 'string', array: true, coerce: textsOf(name), describe }) as const;

export const SERVE_OPTIONS = {
  host: text('--host', 'the address to listen on; 0.0.0.0 or :: for all addresses [127.0.0.1]'),
  port: { ...integer('--port', 0, 65_535, 'the TCP and UDP port; 0 lets the kernel choose [2049]'), alias: 'P' },
  name: texts(
    '--name',
    'the name of a volume, which is mounted as /NAME; once for each DIR or volume, in the same order [its own name]',
  ),
  squash: {
    type: 'string',
    coerce: choiceOf('--squash', ['none', 'root', 'all']),
    describe: 'whose calls run as the anonymous user: none, root or all [none]',
  },
  anonuid: integer('--anonuid', 0, ID_MAX, 'the user id of the anonymous user [65534]'),
  anongid: integer('--anongid', 0, ID_MAX, 'the group id of the anonymous user [65534]'),
  'read-only': flag('refuse all changes'),
  insecure: flag('accept clients on ports from 1024 on; always on if the server does not run as root'),
  allow: text(
    '--allow',
    'hosts that may mount: addresses, networks (10.0.0.0/8), wildcards and host names, separated by commas [*]',
  ),
  reject: text('--reject', 'hosts that may not mount, even if --allow names them'),
  volfile: { ...text('--volfile', 'serve what this volfile describes, instead of DIRs'), alias: 'f' },
  ...GLUSTER_OPTIONS,
  'xlator-option': texts('--xlator-option', 'NAME.OPTION=VALUE sets an option of a volume; may be repeated'),
  stages: integer(
    '--stages',
    1,
    STAGES_MAX,
    'the number of threads that answer calls [the number of cores; 1 if bricks are behind a network]',
  ),
  portmapper: {
    type: 'string',
    coerce: portmapperPort,
    describe: `serve a portmapper over TCP and UDP, where there is no rpcbind [on port ${PORTMAP_PORT}]`,
  },
  portmap: flag('register with rpcbind; in a volfile: rpc.register-with-portmap'),
  'state-dir': text(
    '--state-dir',
    'the directory with the key of file handles and other state; each server needs its own ' +
      '[/var/lib/bricknfs, or below the home directory; port-PORT in it for other ports than 2049]',
  ),
  control: text('--control', 'the path of the control socket [STATE-DIR/control-PORT.sock]'),
  'pid-file': { ...text('--pid-file', 'write the process id into this file'), alias: 'p' },
  grace: integer('--grace', 0, 3600, 'how many seconds a stop waits for calls under way [10]'),
  daemon: flag('serve in the background; the command returns when the server is ready'),
  'no-daemon': { ...flag('serve in the foreground (the default)'), alias: 'N' },
  'print-volfile': flag('print the volfile that is made of the DIRs, and exit'),
  ...LOG_OPTIONS,
} as const;

export type ServeArguments = InferredOptionTypes<typeof SERVE_OPTIONS>;
