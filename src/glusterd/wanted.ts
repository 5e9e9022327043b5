/** The stanza that stands for a GlusterFS volume in a volfile: `type glusterd/volume`. */
import { GLUSTERD_PORT } from '#protocols/gluster/constants.ts';
import { choice, integer, list, option, type OptionValues } from '../graph/options.ts';
import { readOptions } from '../graph/options/read-options.ts';
import type { Stanza } from '../volfile/volfile.ts';
import { shown, VolfileError } from '../volfile/volfile-error.ts';
import { type GlusterdAddress, parseServer } from './servers.ts';

export const GLUSTERD_VOLUME = 'glusterd/volume';

const server = option<string>({ required: true }, 'a host, HOST:PORT or [IPV6]:PORT', '', value =>
  parseServer(value) === undefined ? undefined : value,
);

/** glusterd takes names of volumes and, for its own use, of other files, which have a slash or a dot in them. */
const isVolumeName = (name: string): boolean => /^[\w-]{1,255}$/.test(name);

/** What the stanza means, for docs. */
export const GLUSTERD_VOLUME_DOC =
  'Stands for a volume of GlusterFS: in its place are the layers that glusterd gives for the volume, with ' +
  'features/two-step on top. When the volume changes, the server follows.';

export const GLUSTERD_VOLUME_OPTIONS = {
  'volfile-server': list(
    server,
    { required: true, max: 64 },
    'The hosts whose glusterd is asked for the volume, in this order. Their peers are learned from them.',
  ),
  'volume-id': option<string>(
    { required: true, aliases: ['volfile-id'] },
    'the name of a GlusterFS volume',
    'The name of the volume in GlusterFS.',
    value => {
      const name = value.replace(/^\//, '');
      return isVolumeName(name) ? name : undefined;
    },
  ),
  'volfile-server-port': integer(
    { min: 1, max: 65_535, default: GLUSTERD_PORT },
    'The port of glusterd on hosts that are named without one.',
  ),
  'transport.address-family': choice(
    ['inet', 'inet6'],
    { default: undefined, unset: 'both' },
    'Whether glusterd is reached by IPv4, by IPv6, or by what the name of the host has.',
  ),
};

/** A volume that a volfile wants from glusterd. */
export interface Wanted {
  readonly stanza: Stanza;
  readonly servers: readonly GlusterdAddress[];
  readonly family: 4 | 6 | undefined;
  /** The name of the GlusterFS volume. */
  readonly volume: string;
}

/** @throws {VolfileError} */
export function wantedOf(stanza: Stanza): Wanted {
  const { values, unknown } = readOptions(GLUSTERD_VOLUME_OPTIONS, stanza);
  const [first] = unknown;
  if (first !== undefined) {
    const expected = `an option of ${GLUSTERD_VOLUME} (${Object.keys(GLUSTERD_VOLUME_OPTIONS).join(', ')})`;
    throw VolfileError.expected(first.setting.where, expected, `${shown(first.name)}${first.meant}`);
  }
  const [below] = stanza.subvolumes;
  if (below !== undefined) {
    throw VolfileError.expected(below.where, `no subvolumes for ${GLUSTERD_VOLUME}`, shown(below.name));
  }
  return { stanza, ...transportOf(values), volume: values['volume-id'] };
}

function transportOf(values: OptionValues<typeof GLUSTERD_VOLUME_OPTIONS>): Pick<Wanted, 'servers' | 'family'> {
  const family = values['transport.address-family'];
  return {
    servers: values['volfile-server'].map(host => parseServer(host, values['volfile-server-port'])!),
    family: family === undefined ? undefined : family === 'inet6' ? 6 : 4,
  };
}
