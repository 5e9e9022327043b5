/**
 * Layers of other software that do nothing here. A volfile that GlusterFS has written names many of them, so they are
 * taken out of the graph, where they would only cost time, and are listed in one line.
 */
import type { Stanza } from '../../volfile/volfile.ts';
import { VolfileError, shown } from '../../volfile/volfile-error.ts';
import type { ForeignTable } from '../options.ts';
import { foreignRule } from './read-options.ts';
import { Xlator, type XlatorClass } from '../xlator.ts';

/** Stands in the graph for such a layer where its name is the name of a volume, which clients mount. */
class PassedOver extends Xlator {
  static readonly foreign: ForeignTable = { '*': { unused: 'the layer does nothing here' } };
}

/**
 * The class of a layer of other software that does nothing here; `undefined` for a type that the table does not have.
 * @throws {VolfileError} the layer must not be left out
 */
export function foreignClass({ type, typeWhere }: Stanza, foreign: ForeignTable): XlatorClass | undefined {
  const rule = foreignRule(type, foreign);
  if (rule === undefined) return undefined;
  if ('instead' in rule) throw VolfileError.expected(typeWhere, `${rule.instead} in place of it`, shown(type));
  return PassedOver;
}

/** What remains of a volfile, and what was left out of it. */
export interface Remaining {
  readonly stanzas: readonly Stanza[];
  /** The types of the layers that do nothing, each once. */
  readonly types: readonly string[];
}

/**
 * Takes layers that do nothing out of a volfile: what is above such a layer has its first subvolume in its place. What
 * only the others of its subvolumes lead to goes with it. What is above still knows by which name it is called there. The name of a volume stays, so a layer directly below a master
 * stays, and so does one at the top.
 */
export function leaveOut(stanzas: readonly Stanza[], classes: ReadonlyMap<string, XlatorClass>): Remaining {
  const idle = stanzas.filter(({ name }) => classes.get(name) === PassedOver);
  if (idle.length === 0) return { stanzas, types: [] };
  const masters = stanzas.filter(({ name }) => classes.get(name)!.isMaster);
  const volumes = new Set(masters.flatMap(({ subvolumes }) => subvolumes.map(({ name }) => name)));
  const stays = ({ name, subvolumes }: Stanza) =>
    subvolumes.length === 0 || volumes.has(name) || name === stanzas.at(-1)!.name;
  const inPlace = new Map<string, string>();
  const rewired = stanzas.flatMap(stanza => {
    const below = stanza.subvolumes.map(subvolume => {
      const name = inPlace.get(subvolume.name);
      return name === undefined ? subvolume : { ...subvolume, name, writtenName: subvolume.name };
    });
    if (!idle.includes(stanza)) return [{ ...stanza, subvolumes: below }];
    if (stays(stanza)) return [{ ...stanza, subvolumes: below.slice(0, 1) }];
    inPlace.set(stanza.name, below[0]!.name);
    return [];
  });
  const types = [...new Set(idle.map(({ type }) => type))].sort();
  return { stanzas: withoutOrphans(rewired, usedIn(stanzas)), types };
}

const usedIn = (stanzas: readonly Stanza[]): Set<string> =>
  new Set(stanzas.flatMap(({ subvolumes }) => subvolumes.map(({ name }) => name)));

/** Drops the volumes that nothing uses although something did before. */
function withoutOrphans(stanzas: readonly Stanza[], before: ReadonlySet<string>): readonly Stanza[] {
  const used = usedIn(stanzas);
  const last = stanzas.at(-1);
  const kept = stanzas.filter(stanza => stanza === last || used.has(stanza.name) || !before.has(stanza.name));
  return kept.length === stanzas.length ? stanzas : withoutOrphans(kept, before);
}
