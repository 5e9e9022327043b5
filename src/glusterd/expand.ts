/**
 * Writes GlusterFS's volumes out in a volfile: in place of a stanza of `type glusterd/volume` stands what glusterd gives
 * for the volume, with features/two-step on top, which has the name of the stanza. The names of glusterd's own layers
 * stay as they are, since bricks know some of them: the domains of locks, the attributes of replicas and the targets of
 * links are named after them.
 */
import { parseVolfile, type Stanza } from '../volfile/volfile.ts';
import { shown, VolfileError } from '../volfile/volfile-error.ts';
import { GLUSTERD_VOLUME } from './wanted.ts';

const CLIENT = 'protocol/client';
const TWO_STEP = 'features/two-step';
/** Where calls come into a graph. */
const MASTERS: ReadonlySet<string> = new Set(['nfs/server', 'mount/fuse']);

/** What glusterd gave for a volume. */
export interface Fetched {
  readonly text: string;
  /** The host of the glusterd that answered. */
  readonly host: string;
  /** Whether the volume has been stopped, so that no brick answers until it is started. */
  readonly stopped: boolean;
}

/**
 * The types of the layers that make up a volume for its clients. glusterd is another machine, which need not be trusted here: no
 * text of it names a directory or a module of this machine, or serves something itself.
 */
const LAYERS_OF_VOLUMES = /^(?:protocol\/client|meta|(?:cluster|debug|features|performance)\/[\w-]+)$/;

/** @throws {VolfileError} glusterd names a layer that does not belong into a volume */
function requireLayerOfVolume({ type, typeWhere }: Stanza): void {
  if (LAYERS_OF_VOLUMES.test(type)) return;
  throw VolfileError.expected(typeWhere, 'a layer that a volume of GlusterFS has for its clients', shown(type));
}

/** The layers that stand for one `glusterd/volume`. @throws {VolfileError} */
export function expandVolume(stanza: Stanza, volume: string, { text, host }: Fetched): Stanza[] {
  const written = parseVolfile(text, `glusterd:${volume}`);
  written.forEach(requireLayerOfVolume);
  const layers = written.map(layer => withRemoteHost(layer, host));
  const twin = layers.slice(0, -1).find(({ name }) => name === stanza.name);
  if (twin !== undefined) {
    const found = `${shown(stanza.name)}, which a layer of volume ${shown(volume)} is called (${twin.where})`;
    throw VolfileError.expected(stanza.where, `another name for this ${GLUSTERD_VOLUME}`, found);
  }
  const top = layers.at(-1)!;
  if (top.name !== stanza.name) return [...layers, twoStep(stanza.name, top.name, stanza)];
  return [...layers.slice(0, -1), ...underTwoStep(top, layers)];
}

/** A client without remote-host is one of the server that gave the volfile. */
function withRemoteHost(layer: Stanza, host: string): Stanza {
  if (layer.type !== CLIENT || layer.options.has('remote-host')) return layer;
  return { ...layer, options: new Map([...layer.options, ['remote-host', { value: host, where: layer.where }]]) };
}

/** Layers whose name is known nowhere else: they may be called anything. */
const isNameless = ({ type }: Stanza) => /^(debug|performance)\//.test(type);

function twoStep(name: string, below: string, { where }: Stanza): Stanza {
  return { name, type: TWO_STEP, options: new Map(), subvolumes: [{ name: below, where }], where, typeWhere: where };
}

/**
 * The layer under another name, and over it features/two-step with the layer's name.
 * @throws {VolfileError} the name of the layer matters
 */
function underTwoStep(layer: Stanza, all: readonly Stanza[]): [Stanza, Stanza] {
  if (!isNameless(layer)) {
    const expected = `${TWO_STEP} over volume ${shown(layer.name)}, and that in place of it as a subvolume`;
    throw VolfileError.expected(layer.where, expected, `${layer.type} on its own`);
  }
  const taken = new Set(all.map(({ name }) => name));
  let name = `${layer.name}-${layer.type.slice(layer.type.indexOf('/') + 1)}`;
  while (taken.has(name)) name += '-';
  return [{ ...layer, name }, twoStep(layer.name, name, layer)];
}

/**
 * The volfile with the volumes written out. `layersOf` gives the layers of each `glusterd/volume`.
 * @throws {VolfileError} two layers have the same name
 */
export function withVolumes(stanzas: readonly Stanza[], layersOf: (stanza: Stanza) => readonly Stanza[]): Stanza[] {
  const from = new Map<string, Stanza>();
  const all: Stanza[] = [];
  for (const stanza of stanzas) {
    for (const layer of stanza.type === GLUSTERD_VOLUME ? layersOf(stanza) : [stanza]) {
      const other = from.get(layer.name);
      if (other !== undefined) {
        const found = `${shown(layer.name)} again, which is in that of ${shown(other.name)} (${other.where}), too`;
        throw VolfileError.expected(stanza.where, `volumes whose layers have different names`, found);
      }
      from.set(layer.name, stanza);
      all.push(layer);
    }
  }
  return all;
}

/**
 * Puts features/two-step on each volume of nfs/server that GlusterFS's bricks are below and that has none, as in a
 * volfile that was written for GlusterFS's own NFS server.
 * @throws {VolfileError} the topmost layer of a volume cannot be called otherwise
 */
export function withTwoStep(stanzas: readonly Stanza[]): Stanza[] {
  const byName = new Map(stanzas.map(stanza => [stanza.name, stanza]));
  const masters = stanzas.filter(({ type }) => MASTERS.has(type));
  const served = new Set(masters.flatMap(({ subvolumes }) => subvolumes.map(({ name }) => name)));
  const bare = (stanza: Stanza) => reaches(stanza, CLIENT, byName) && !reaches(stanza, TWO_STEP, byName);
  return stanzas.flatMap(stanza =>
    served.has(stanza.name) && bare(stanza) ? underTwoStep(stanza, stanzas) : [stanza],
  );
}

/**
 * The name of the volume that a volfile without a server describes, if it is one that glusterd has written for its
 * clients.
 */
export function volumeWithoutServer(stanzas: readonly Stanza[]): string | undefined {
  const byName = new Map(stanzas.map(stanza => [stanza.name, stanza]));
  const top = stanzas.at(-1)!;
  const hasMaster = stanzas.some(({ type }) => MASTERS.has(type) || type.startsWith('file:'));
  return !hasMaster && reaches(top, CLIENT, byName) ? top.name : undefined;
}

/** Whether a volfile has bricks behind a network in it. */
export const hasClients = (stanzas: readonly Stanza[]): boolean => stanzas.some(({ type }) => type === CLIENT);

/** Whether a layer, or one below it, is of a type. */
function reaches(top: Stanza, wanted: string, byName: ReadonlyMap<string, Stanza>): boolean {
  const seen = new Set<Stanza>();
  const visit = (stanza: Stanza): boolean => {
    if (stanza.type === wanted) return true;
    if (seen.has(stanza)) return false;
    seen.add(stanza);
    return stanza.subvolumes.some(({ name }) => visit(byName.get(name)!));
  };
  return visit(top);
}
