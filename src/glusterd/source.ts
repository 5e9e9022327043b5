/** A volfile in which glusterd's volumes are written out. */
import type { VolfileSource } from '../volfile/source.ts';
import { printWithOrigins } from '../volfile/print.ts';
import { parseVolfile, type Stanza } from '../volfile/volfile.ts';
import { expandVolume, hasClients, volumeWithoutServer, withTwoStep, withVolumes } from './expand.ts';
import type { Glusterds } from './glusterds.ts';
import { GLUSTERD_VOLUME, wantedOf } from './wanted.ts';

export interface GlusterSourceOptions {
  /** The volfile as it was written. */
  readonly base: VolfileSource;
  readonly glusterds: Glusterds;
  /** Makes the server for a volfile without one, which glusterd has written for its clients. */
  readonly serverFor: (volume: string) => Stanza;
}

export class GlusterSource implements VolfileSource {
  readonly name: string;
  readonly #options: GlusterSourceOptions;
  #wants = false;
  #stopped: readonly string[] = [];
  #serverMade = false;
  #hasClients = false;

  constructor(options: GlusterSourceOptions) {
    this.#options = options;
    this.name = options.base.name;
  }

  /** Whether there is nothing to reload. It is known after the first reading. */
  get fixed(): boolean {
    return this.#options.base.fixed && !this.#wants;
  }

  /** The volumes that were stopped when they were last read. */
  get stopped(): readonly string[] {
    return this.#stopped;
  }

  /** Whether the volfile had no server when it was last read, so that one was made for it. */
  get serverMade(): boolean {
    return this.#serverMade;
  }

  /** Whether there were bricks behind a network in it when it was last read. */
  get hasClients(): boolean {
    return this.#hasClients;
  }

  /**
   * @throws {VolfileError} the volfile, or glusterd's, is wrong
   * @throws {GlusterdError}
   */
  async read(): Promise<string> {
    const text = await this.#options.base.read();
    if (!/glusterd\/volume|protocol\/client/.test(text)) return text;
    const stanzas = parseVolfile(text, this.name);
    const layers = await this.#layersOf(stanzas.filter(({ type }) => type === GLUSTERD_VOLUME));
    const expanded = withVolumes(stanzas, stanza => layers.get(stanza)!);
    const alone = volumeWithoutServer(expanded);
    this.#serverMade = alone !== undefined;
    this.#hasClients = hasClients(expanded);
    const served = alone === undefined ? expanded : [...expanded, this.#options.serverFor(alone)];
    return printWithOrigins(withTwoStep(served));
  }

  /** What the operator should know of now, a line each. */
  get troubles(): readonly string[] {
    return this.#options.glusterds.troubles;
  }

  watch(changed: () => void, report: (level: 'info' | 'warn', message: string) => void): void {
    this.#options.glusterds.watch(changed, report);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#options.glusterds[Symbol.asyncDispose]();
  }

  async #layersOf(stanzas: readonly Stanza[]): Promise<ReadonlyMap<Stanza, readonly Stanza[]>> {
    this.#wants = stanzas.length > 0;
    const layers = new Map<Stanza, readonly Stanza[]>();
    const stopped: string[] = [];
    for (const wanted of stanzas.map(wantedOf)) {
      const { stanza, volume } = wanted;
      const fetched = await this.#options.glusterds.fetch(wanted);
      if (fetched.stopped) stopped.push(volume);
      layers.set(stanza, expandVolume(stanza, volume, fetched));
    }
    this.#stopped = stopped;
    return layers;
  }
}
