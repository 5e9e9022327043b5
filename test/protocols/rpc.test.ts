import t from 'tap';
import * as authSys from '#protocols/auth-sys.ts';
import * as rpc from '#protocols/rpc.ts';
import { decode, encode } from '#protocols/xdr/codec.ts';
import { XdrError } from '#protocols/xdr/stream.ts';
import { codecProperties } from '../support/codecs/properties.ts';
import { hex } from '../support/hex.ts';

codecProperties(t, rpc);
codecProperties(t, authSys);

t.test('the numbers of RFC 5531', async t => {
  t.equal(rpc.RPC_VERSION, 2);
  t.equal(rpc.AUTH_BODY_MAX, 400);
  t.strictSame(rpc.msg_type, { CALL: 0, REPLY: 1 });
  t.strictSame(rpc.reply_stat, { MSG_ACCEPTED: 0, MSG_DENIED: 1 });
  t.strictSame(Object.keys(rpc.accept_stat), [
    'SUCCESS',
    'PROG_UNAVAIL',
    'PROG_MISMATCH',
    'PROC_UNAVAIL',
    'GARBAGE_ARGS',
    'SYSTEM_ERR',
  ]);
  t.strictSame(Object.values(rpc.accept_stat), [0, 1, 2, 3, 4, 5]);
  t.strictSame(rpc.reject_stat, { RPC_MISMATCH: 0, AUTH_ERROR: 1 });
  t.strictSame(rpc.auth_stat, {
    AUTH_OK: 0,
    AUTH_BADCRED: 1,
    AUTH_REJECTEDCRED: 2,
    AUTH_BADVERF: 3,
    AUTH_REJECTEDVERF: 4,
    AUTH_TOOWEAK: 5,
    AUTH_INVALIDRESP: 6,
    AUTH_FAILED: 7,
  });
  t.strictSame(rpc.auth_flavor, { AUTH_NONE: 0, AUTH_SYS: 1, AUTH_SHORT: 2, AUTH_DH: 3, RPCSEC_GSS: 6 });
});

t.test('a call as it is on the wire', async t => {
  const bytes = hex(`
    0000002a 00000000 00000002    // xid 42, CALL, RPC version 2
    000186a3 00000003 00000001    // NFS, version 3, GETATTR
    00000001 00000004 64656661    // cred: AUTH_SYS, 4 bytes
    00000000 00000000             // verf: AUTH_NONE
  `);
  const header = {
    xid: 42,
    mtype: rpc.msg_type.CALL,
    rpcvers: 2,
    prog: 100003,
    vers: 3,
    proc: 1,
    cred: { flavor: 1, body: Buffer.from('defa') },
    verf: rpc.NO_AUTH,
  };
  t.strictSame(decode(rpc.call_header, bytes), header);
  t.equal(encode(rpc.call_header, header).toString('hex'), bytes.toString('hex'));
});

t.test('replies as they are on the wire', async t => {
  const cases: [rpc.reply_header['reply'], string][] = [
    [{ stat: 0, verf: rpc.NO_AUTH, data: { stat: 0 } }, '00000000 00000000 00000000 00000000'],
    [
      { stat: 0, verf: rpc.NO_AUTH, data: { stat: rpc.accept_stat.PROG_MISMATCH, low: 1, high: 3 } },
      '00000000 00000000 00000000 00000002 00000001 00000003',
    ],
    [{ stat: 1, data: { stat: rpc.reject_stat.RPC_MISMATCH, low: 2, high: 2 } }, '00000001 00000000 00000002 00000002'],
    [{ stat: 1, data: { stat: 1, why: rpc.auth_stat.AUTH_TOOWEAK } }, '00000001 00000001 00000005'],
  ];
  for (const [reply, text] of cases) {
    const header = { xid: 7, mtype: rpc.msg_type.REPLY, reply };
    const bytes = hex(`00000007 00000001 ${text}`);
    t.equal(encode(rpc.reply_header, header).toString('hex'), bytes.toString('hex'));
    t.strictSame(decode(rpc.reply_header, bytes), header);
  }
});

t.test('credentials of more than 400 bytes and 17 groups are refused', async t => {
  const header = '0000002a 00000000 00000002 000186a3 00000003 00000001';
  t.throws(() => decode(rpc.call_header, hex(`${header} 00000001 00000191 ${'00'.repeat(420)}`)), XdrError);
  const parms = { stamp: 0, machinename: 'h', uid: 0, gid: 0, gids: Array.from({ length: 17 }, (_, i) => i) };
  t.throws(() => decode(authSys.authsys_parms, encode(authSys.authsys_parms, parms)), XdrError);
});
