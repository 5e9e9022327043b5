import t from 'tap';
import * as rpcbind from '#protocols/rpcbind.ts';
import { decode, encode } from '#protocols/xdr/codec.ts';
import { codecProperties } from '../support/codecs/properties.ts';
import { hex } from '../support/hex.ts';

codecProperties(t, rpcbind);

t.test('the numbers of RFC 1833, section 2', async t => {
  t.equal(rpcbind.RPCB_PROGRAM, 100000);
  t.equal(rpcbind.RPCB_V3, 3);
  t.equal(rpcbind.RPCB_V4, 4);
  const three = {
    NULL: 0,
    SET: 1,
    UNSET: 2,
    GETADDR: 3,
    DUMP: 4,
    CALLIT: 5,
    GETTIME: 6,
    UADDR2TADDR: 7,
    TADDR2UADDR: 8,
  };
  t.strictSame(rpcbind.RPCBPROC, three);
  const { CALLIT: BCAST, ...same } = three;
  t.strictSame(rpcbind.RPCBPROC4, { ...same, BCAST, GETVERSADDR: 9, INDIRECT: 10, GETADDRLIST: 11, GETSTAT: 12 });
  t.strictSame(rpcbind.NC_TPI, { CLTS: 1, COTS: 2, COTS_ORD: 3, RAW: 4 });
});

t.test('a list of addresses as it is on the wire', async t => {
  const bytes = hex(`
    00000001
    000186a3 00000003                                        // NFS, version 3
    00000003 74637000                                        // "tcp"
    0000000b 302e302e 302e302e 382e3100                      // "0.0.0.0.8.1"
    00000009 73757065 72757365 72000000                      // "superuser"
    00000000
  `);
  const value = [{ r_prog: 100003, r_vers: 3, r_netid: 'tcp', r_addr: '0.0.0.0.8.1', r_owner: 'superuser' }];
  t.strictSame(decode(rpcbind.rpcblist_ptr, bytes), value);
  t.equal(encode(rpcbind.rpcblist_ptr, value).toString('hex'), bytes.toString('hex'));
});

t.test('an entry of GETADDRLIST as it is on the wire', async t => {
  const bytes = hex(`
    0000000d 3132372e 302e302e 312e382e 31000000             // "127.0.0.1.8.1"
    00000003 75647000 00000001                               // "udp", NC_TPI_CLTS
    00000004 696e6574 00000003 75647000                      // "inet", "udp"
  `);
  t.strictSame(decode(rpcbind.rpcb_entry, bytes), {
    r_maddr: '127.0.0.1.8.1',
    r_nc_netid: 'udp',
    r_nc_semantics: 1,
    r_nc_protofmly: 'inet',
    r_nc_proto: 'udp',
  });
});

t.test('statistics have 13 counters of calls, SETs, UNSETs and two lists for each of three versions', async t => {
  const numbers = (from: number, count: number) =>
    Array.from({ length: count }, (_, i) => (from + i).toString(16).padStart(8, '0')).join('');
  const one = `${numbers(0, 13)} 00000063 00000064
    00000001 000186a3 00000003 00000007 00000002 00000003 74637000 00000000
    00000000`;
  const { v4 } = decode(rpcbind.rpcb_stat_byvers, hex(`${one} ${one} ${one}`));
  t.strictSame(Object.values(v4.info), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
  t.equal(v4.info.GETSTAT, 12);
  t.equal(v4.setinfo, 99);
  t.equal(v4.unsetinfo, 100);
  t.strictSame(v4.addrinfo, [{ prog: 100003, vers: 3, success: 7, failure: 2, netid: 'tcp' }]);
  t.strictSame(v4.rmtinfo, []);
});

t.test('a netbuf as it is on the wire', async t => {
  const bytes = hex('00000010 00000004 01020304');
  t.same(decode(rpcbind.netbuf, bytes), { maxlen: 16, buf: Buffer.from([1, 2, 3, 4]) });
});
