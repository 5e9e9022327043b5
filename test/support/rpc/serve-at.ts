import type { Test } from 'tap';
import { silent } from '#src/log.ts';
import type { Program } from '#src/rpcsvc/actor.ts';
import { AuthRegistry } from '#src/rpcsvc/auth/registry.ts';
import { Clients } from '#src/rpcsvc/limits/client-limits.ts';
import { Listener } from '#src/rpcsvc/listener.ts';
import { answering } from '#src/rpcsvc/udp/datagram.ts';
import { ProgramRegistry } from '#src/rpcsvc/registry.ts';
import { Stage } from '#src/rpcsvc/stage.ts';
import { UdpListener } from '#src/rpcsvc/udp/udp.ts';
import { LIMITS } from './service.ts';

/** Serves `programs` over TCP and UDP, IPv4 and IPv6, until the test ends. */
export async function serveAt(t: Test, port: number, programs: readonly Program[]): Promise<void> {
  const service = { programs: new ProgramRegistry(programs), auth: new AuthRegistry(), log: silent };
  const stage = new Stage(service, new Clients(LIMITS), LIMITS);
  const tcp = await Listener.start({ host: '::', port }, accepted => stage.accept(accepted), silent);
  const udp = await UdpListener.start({ host: '::', port }, answering(service), silent);
  t.teardown(async () => {
    await Promise.all([tcp.close(), udp.close()]);
    await stage.stop(1000);
  });
}
