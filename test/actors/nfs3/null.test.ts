/** NULL, procedure 0 (RFC 1813, 3.3.0), and calls of versions and procedures that do not exist. */
import t from 'tap';
import { hex } from '../../support/hex.ts';
import { AUTH_ROOT, authSys, serveNfs } from '../../support/nfs.ts';
import { GARBAGE_ARGS } from '../../support/nfs3/common.ts';
import { accepted, acceptedWith, call, expectReply, XID } from '../../support/wire.ts';

const AUTH_NONE = '00000000 00000000 00000000 00000000';
const served = await serveNfs(t);

const to = (program: string, version: string, proc: string, auth = AUTH_NONE) =>
  hex(`
    ${XID} 00000000 00000002     // xid 42, CALL, RPC version 2
    ${program} ${version} ${proc}
    ${auth}`);

const cases = [
  { name: 'NULL', call: to('000186a3', '00000003', '00000000'), reply: accepted },
  { name: 'as a user', call: call('nfs3', 0, '', authSys(1000, 1000, [1, 2, 3])), reply: accepted },
  { name: 'as root', call: call('nfs3', 0, '', AUTH_ROOT), reply: accepted },
  { name: 'with arguments', call: call('nfs3', 0, '00000000'), reply: GARBAGE_ARGS },
  {
    name: 'NFS version 2: PROG_MISMATCH, from 3 to 3',
    call: to('000186a3', '00000002', '00000000'),
    reply: `${acceptedWith(2)} 00000003 00000003`,
  },
  {
    name: 'NFS version 4: PROG_MISMATCH, from 3 to 3',
    call: to('000186a3', '00000004', '00000000'),
    reply: `${acceptedWith(2)} 00000003 00000003`,
  },
  {
    name: 'NFS version 2^32 - 1: PROG_MISMATCH',
    call: to('000186a3', 'ffffffff', '00000000'),
    reply: `${acceptedWith(2)} 00000003 00000003`,
  },
  { name: 'procedure 22: PROC_UNAVAIL', call: to('000186a3', '00000003', '00000016'), reply: acceptedWith(3) },
  { name: 'procedure 2^32 - 1: PROC_UNAVAIL', call: to('000186a3', '00000003', 'ffffffff'), reply: acceptedWith(3) },
  {
    name: 'program 100227 (NFS_ACL): PROG_UNAVAIL',
    call: to('00018783', '00000003', '00000000'),
    reply: acceptedWith(1),
  },
  {
    name: 'RPC version 3: RPC_MISMATCH, from 2 to 2',
    call: hex(`${XID} 00000000 00000003 000186a3 00000003 00000000 ${AUTH_NONE}`),
    reply: `${XID} 00000001 00000001 00000000 00000002 00000002`,
  },
  {
    name: 'credentials of RPCSEC_GSS: AUTH_REJECTEDCRED',
    call: to('000186a3', '00000003', '00000000', '00000006 00000000 00000000 00000000'),
    reply: `${XID} 00000001 00000001 00000001 00000002`,
  },
  {
    name: 'AUTH_SYS cut short: AUTH_BADCRED',
    call: to('000186a3', '00000003', '00000000', '00000001 00000008 00000000 00000000 00000000 00000000'),
    reply: `${XID} 00000001 00000001 00000001 00000001`,
  },
];

for (const { name, call, reply } of cases) {
  t.test(name, async t => {
    expectReply(t, await served.exchange(call), reply);
    expectReply(
      t,
      await served.exchange(to('000186a3', '00000003', '00000000')),
      accepted,
      'the connection is still open',
    );
  });
}
