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

const OPTIONS = {
  'volfile-server': list(
    server,
    { required: true, max: 64 },
    'The hosts whose glusterd is asked for the volume, in this order. Their peers are learned from them.',
  ),
  'volume-id': option<string>(
    { required: true, aliases: ['volfile-id'] },
    'the name of a GlusterFS volume',
    '',
    value => {
      const name = value.replace(/^\//, '');
      return isVolumeName(name) ? name : undefined;
    },
  ),
  'volfile-server-port': integer({ min: 1, max: 65_535, default: GLUSTERD_PORT }, ''),
  'transport.address-family': choice(['inet', 'inet6'], { default: undefined }, ''),
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
  const { values, unknown } = readOptions(OPTIONS, stanza);
  const [first] = unknown;
  if (first !== undefined) {
    const expected = `an option of ${GLUSTERD_VOLUME} (${Object.keys(OPTIONS).join(', ')})`;
    throw VolfileError.expected(first.setting.where, expected, `${shown(first.name)}${first.meant}`);
  }
  const [below] = stanza.subvolumes;
  if (below !== undefined) {
    throw VolfileError.expected(below.where, `no subvolumes for ${GLUSTERD_VOLUME}`, shown(below.name));
  }
  return { stanza, ...transportOf(values), volume: values['volume-id'] };
}

function transportOf(values: OptionValues<typeof OPTIONS>): Pick<Wanted, 'servers' | 'family'> {
  const family = values['transport.address-family'];
  return {
    servers: values['volfile-server'].map(host => parseServer(host, values['volfile-server-port'])!),
    family: family === undefined ? undefined : family === 'inet6' ? 6 : 4,
  };
}
