import { Glusterd, type GlusterdOptions } from './glusterd.ts';
import type { Fetched } from './expand.ts';
import { managementTls } from './management-tls.ts';
import { serverText } from './servers.ts';
import type { Wanted } from './wanted.ts';

/** The glusterds that a volfile names: one connection for each list of servers. */
export class Glusterds implements AsyncDisposable {
  readonly #waits: boolean;
  #report: GlusterdOptions['report'];
  readonly #all = new Map<string, Glusterd>();
  #changed: (() => void) | undefined;

  /**
   * @param waits whether the first fetch waits until a glusterd answers
   * @param report takes what the operator should know, one line each
   */
  constructor(waits: boolean, report: GlusterdOptions['report']) {
    this.#waits = waits;
    this.#report = report;
  }

  /**
   * The volfile of a volume. If it cannot be had now, it is the one that was fetched last.
   * @throws {GlusterdError} there is none
   */
  async fetch({ servers, family, volume }: Wanted): Promise<Fetched> {
    const key = `${servers.map(serverText).join()} ${family}`;
    let glusterd = this.#all.get(key);
    if (glusterd === undefined) {
      const report: GlusterdOptions['report'] = (level, message) => this.#report(level, message);
      glusterd = new Glusterd({ servers, family, tls: await managementTls(), waits: this.#waits, report });
      this.#all.set(key, glusterd);
      if (this.#changed !== undefined) glusterd.watch(this.#changed);
    }
    return glusterd.fetch(volume);
  }

  /** Calls `changed` when a volfile may have changed. From then on `report` takes the lines for the operator. */
  watch(changed: () => void, report: GlusterdOptions['report']): void {
    this.#changed = changed;
    this.#report = report;
    for (const glusterd of this.#all.values()) glusterd.watch(changed);
  }

  /** What the operator should know of now, a line each. */
  get troubles(): string[] {
    const gone = [...this.#all].filter(([, glusterd]) => glusterd.isGone);
    return gone.map(
      ([key]) => `glusterd on ${key.split(' ')[0]} does not answer, so changes of its volumes are not noticed`,
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#all.values()].map(glusterd => glusterd[Symbol.asyncDispose]()));
  }
}
