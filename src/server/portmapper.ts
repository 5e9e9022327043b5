/** The built-in portmapper, on a stage of its own in the main thread. */
import type { PortTable } from '../rpc/port-table.ts';
import type { Program } from '../rpcsvc/actor.ts';
import type { PeerLogger } from '../peer-log.ts';
import { AuthRegistry } from '../rpcsvc/auth/registry.ts';
import { Admission } from '../rpcsvc/limits/admission.ts';
import { Clients } from '../rpcsvc/limits/client-limits.ts';
import { Listener } from '../rpcsvc/listener.ts';
import { ProgramRegistry } from '../rpcsvc/registry.ts';
import { Stage } from '../rpcsvc/stage.ts';
import { answering } from '../rpcsvc/udp/datagram.ts';
import { UdpListener } from '../rpcsvc/udp/udp.ts';
import { PORTMAPPER_CLIENTS, PORTMAPPER_CONNECTIONS, PORTMAPPER_LIMITS } from './limits.ts';

export interface PortmapperOptions {
  readonly host: string;
  readonly port: number;
  /** The programs of the portmapper. */
  readonly programs: readonly Program[];
  /** The table that the programs answer from. Their own ports are entered in it as well. */
  readonly ports: PortTable;
  readonly log: PeerLogger;
  /** How long a stop waits for calls under way, in milliseconds. */
  readonly graceMs: number;
}

/**
 * Starts the portmapper. Its parts are put on `running` as they come up, even if the start fails later. Rejects if a
 * port cannot be bound.
 */
export async function startPortmapper(options: PortmapperOptions, running: AsyncDisposableStack): Promise<void> {
  const { host, ports, log, graceMs } = options;
  const programs = new ProgramRegistry(options.programs);
  const service = { programs, auth: new AuthRegistry(), log };
  const stage: Stage = new Stage(service, new Clients(PORTMAPPER_CLIENTS), PORTMAPPER_LIMITS, address =>
    admission.left(address),
  );
  const admission = new Admission({ ...PORTMAPPER_CONNECTIONS, spare: address => stage.spare(address) });
  running.defer(() => stage.stop(graceMs));
  const at = { host, port: options.port };
  const listener = await Listener.start(at, accepted => stage.accept(accepted), log, {
    admits: one => admission.admit(one),
    failed: one => admission.left(one),
  });
  running.use(listener);
  const { port } = listener.address;
  ports.announce('tcp', host, port, programs);
  const closed = new AbortController();
  running.defer(() => closed.abort());
  running.use(await UdpListener.start({ host, port }, answering(service, closed.signal), log));
  ports.announce('udp', host, port, programs);
}
