/** A graph of the server whose brick speaks GlusterFS's protocol, and what happens to its connection. */
import type { Test } from 'tap';
import type { GraphEvent } from '#src/graph/event.ts';
import { Xlator } from '#src/graph/xlator.ts';
import { ProtocolClient } from '#src/xlators/protocol/client/client.ts';
import { envOf, keptLog, TEST_XLATORS, volumeOf, xlatorOf } from '../graph.ts';

/** How a bed calls this machine. */
const HOST = 'gnode';

/** The layer on top, which keeps the events that come up. */
class Witness extends Xlator {
  readonly kinds: string[] = [];
  readonly events: GraphEvent[] = [];
  readonly #waiting: { readonly wanted: (event: GraphEvent) => boolean; readonly resolve: () => void }[] = [];

  override notify(event: GraphEvent, from?: Xlator): void {
    super.notify(event, from);
    if (event.kind === 'parent-up') return;
    this.kinds.push(event.kind);
    this.events.push(event);
    for (const { wanted, resolve } of this.#waiting) if (wanted(event)) resolve();
  }

  /** Resolves at the next such event. */
  next(wanted: GraphEvent['kind'] | ((event: GraphEvent) => boolean)): Promise<void> {
    const test = typeof wanted === 'string' ? (event: GraphEvent) => event.kind === wanted : wanted;
    return new Promise(resolve => {
      this.#waiting.push({ wanted: test, resolve });
    });
  }
}

const registry = {
  ...TEST_XLATORS,
  'protocol/client': async () => ProtocolClient,
  'test/witness': async () => Witness,
};

/** The graph over the brick with this path. It may not be connected yet. */
export async function oneBrick(t: Test, path: string, options: Readonly<Record<string, string | number>> = {}) {
  const { log, lines } = keptLog();
  // A client that waits for its next attempt keeps no process alive, but the test goes on.
  const alive = setInterval(() => {}, 60_000);
  t.teardown(() => clearInterval(alive));
  const set = Object.entries({ 'remote-host': HOST, 'remote-subvolume': path, ...options });
  const text = `
    volume brick
      type protocol/client
      ${set.map(([name, value]) => `option ${name} ${value}`).join('\n')}
    end-volume
    volume top
      type test/witness
      subvolumes brick
    end-volume
  `;
  const volume = await volumeOf(t, text, { registry, env: envOf({ log }) });
  const top = volume.top as Witness;
  const brick = xlatorOf(top, 'brick', ProtocolClient);
  return { ...volume, top, brick, lines };
}

/** The graph over the brick with this path, connected to it. */
export async function connectedBrick(t: Test, path: string, options?: Readonly<Record<string, string | number>>) {
  const made = await oneBrick(t, path, options);
  if (made.brick.dump().phase !== 'up') await made.top.next('child-up');
  return made;
}
