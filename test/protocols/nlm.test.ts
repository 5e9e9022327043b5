import t from 'tap';
import * as nlm from '#protocols/nlm.ts';
import { decode, encode } from '#protocols/xdr/codec.ts';
import { XdrError } from '#protocols/xdr/stream.ts';
import { codecProperties } from '../support/codecs/properties.ts';
import { hex } from '../support/hex.ts';

codecProperties(t, nlm);

t.test('the numbers of RFC 1813, appendix II, and X/Open XNFS', async t => {
  t.equal(nlm.NLM_PROG, 100021);
  t.equal(nlm.NLM4_VERS, 4);
  t.equal(nlm.LM_MAXSTRLEN, 1024);
  t.equal(nlm.LM_MAXNAMELEN, 1025);
  t.equal(nlm.MAXNETOBJ_SZ, 1024);
  t.strictSame(nlm.NLMPROC4, {
    NULL: 0,
    TEST: 1,
    LOCK: 2,
    CANCEL: 3,
    UNLOCK: 4,
    GRANTED: 5,
    TEST_MSG: 6,
    LOCK_MSG: 7,
    CANCEL_MSG: 8,
    UNLOCK_MSG: 9,
    GRANTED_MSG: 10,
    TEST_RES: 11,
    LOCK_RES: 12,
    CANCEL_RES: 13,
    UNLOCK_RES: 14,
    GRANTED_RES: 15,
    SHARE: 20,
    UNSHARE: 21,
    NM_LOCK: 22,
    FREE_ALL: 23,
  });
  t.strictSame(nlm.NLM4, {
    GRANTED: 0,
    DENIED: 1,
    DENIED_NOLOCKS: 2,
    BLOCKED: 3,
    DENIED_GRACE_PERIOD: 4,
    DEADLCK: 5,
    ROFS: 6,
    STALE_FH: 7,
    FBIG: 8,
    FAILED: 9,
  });
  t.strictSame(nlm.FSM, { DN: 0, DR: 1, DW: 2, DRW: 3 });
  t.strictSame(nlm.FSA, { NONE: 0, R: 1, W: 2, RW: 3 });
});

t.test('the arguments of LOCK as they are on the wire', async t => {
  const bytes = hex(`
    00000004 00000001                       // cookie
    00000001 00000000                       // block, not exclusive
    00000004 686f7374                       // caller_name: "host"
    00000002 fafb0000                       // fh
    00000003 6f776e00                       // oh: "own"
    ffffffff                                // svid: -1
    ffffffff fffffffe 00000000 00000001     // l_offset: 2^64 - 2, l_len: 1
    00000001 80000000                       // reclaim, state: -2^31
  `);
  const value: nlm.nlm4_lockargs = {
    cookie: Buffer.from([0, 0, 0, 1]),
    block: true,
    exclusive: false,
    alock: {
      caller_name: 'host',
      fh: Buffer.from([0xfa, 0xfb]),
      oh: Buffer.from('own'),
      svid: -1,
      l_offset: 0xffff_ffff_ffff_fffen,
      l_len: 1n,
    },
    reclaim: true,
    state: -0x8000_0000,
  };
  t.equal(encode(nlm.nlm4_lockargs, value).toString('hex'), bytes.toString('hex'));
  t.same(decode(nlm.nlm4_lockargs, bytes), value);
});

t.test('only NLM4_DENIED has a holder', async t => {
  const cookie = Buffer.from('c');
  const holder = { exclusive: true, svid: 7, oh: Buffer.from('oh'), l_offset: 1n, l_len: 0n };
  const denied = hex(`
    00000001 63000000                       // cookie
    00000001                                // NLM4_DENIED
    00000001 00000007 00000002 6f680000     // exclusive, svid, oh
    00000000 00000001 00000000 00000000     // l_offset, l_len
  `);
  const value = { cookie, test_stat: { stat: nlm.NLM4.DENIED, holder } };
  t.equal(encode(nlm.nlm4_testres, value).toString('hex'), denied.toString('hex'));
  t.same(decode(nlm.nlm4_testres, denied), value);
  const nolocks = encode(nlm.nlm4_testres, { cookie, test_stat: { stat: nlm.NLM4.DENIED_NOLOCKS } });
  t.equal(nolocks.toString('hex'), '000000016300000000000002');
});

t.test('values over their bounds are refused', async t => {
  t.throws(() => decode(nlm.netobj, Buffer.concat([hex('00000401'), Buffer.alloc(1028)])), XdrError);
  t.throws(() => decode(nlm.nlm4_notify, Buffer.concat([hex('00000402'), Buffer.alloc(1032)])), XdrError);
  t.throws(() => decode(nlm.nlm4_stats, hex('0000000a')), XdrError, 'a status that is none');
  t.throws(() => decode(nlm.fsh4_mode, hex('00000004')), XdrError, 'a mode that is none');
});
