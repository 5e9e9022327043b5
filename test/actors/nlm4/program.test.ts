import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import t from 'tap';
import { nlm4 } from '#actors/nlm4/program.ts';
import { silent } from '#src/log.ts';
import { AuthRegistry } from '#src/rpcsvc/auth/registry.ts';
import { answering } from '#src/rpcsvc/udp/datagram.ts';
import { ProgramRegistry } from '#src/rpcsvc/registry.ts';
import { UdpListener } from '#src/rpcsvc/udp/udp.ts';
import { hex } from '../../support/hex.ts';
import { serveNfs } from '../../support/nfs.ts';
import { ACCEPTED, ALOCK, COOKIE, nlmCall } from '../../support/nlm.ts';

const lockCall = nlmCall('00000002', `${COOKIE} 00000000 00000001 ${ALOCK} 00000000 00000003`);
const refused = hex(`${ACCEPTED} 00000000 ${COOKIE} 00000002`).toString('hex');

t.test('a lock is refused over UDP, too', async t => {
  const service = { programs: new ProgramRegistry([nlm4(silent)]), auth: new AuthRegistry(), log: silent };
  t.equal([...service.programs][0]?.udp, true);
  const listener = await UdpListener.start({ host: '127.0.0.1', port: 0 }, answering(service), silent);
  const socket = createSocket('udp4');
  t.teardown(async () => {
    await listener.close();
    socket.close();
  });
  socket.send(lockCall, listener.address.port, '127.0.0.1');
  const [reply] = (await once(socket, 'message')) as [Buffer];
  t.equal(reply.toString('hex'), refused);
});

t.test('NLM is served with NFS3, unless nfs.nlm is off: PROG_UNAVAIL', async t => {
  const on = await serveNfs(t);
  t.equal((await on.exchange(lockCall)).toString('hex'), refused);
  const off = await serveNfs(t, { options: ['option nfs.nlm off'] });
  t.equal((await off.exchange(lockCall)).toString('hex'), hex(`${ACCEPTED} 00000001`).toString('hex'));
});
