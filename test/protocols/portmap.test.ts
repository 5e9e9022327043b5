import t from 'tap';
import * as portmap from '#protocols/portmap.ts';
import { decode, encode } from '#protocols/xdr/codec.ts';
import { codecProperties } from '../support/codecs/properties.ts';
import { hex } from '../support/hex.ts';

codecProperties(t, portmap);

t.test('the numbers of RFC 1833, section 3', async t => {
  t.equal(portmap.PMAP_PROGRAM, 100000);
  t.equal(portmap.PMAP_VERSION, 2);
  t.equal(portmap.PMAP_PORT, 111);
  t.strictSame(portmap.PMAPPROC, { NULL: 0, SET: 1, UNSET: 2, GETPORT: 3, DUMP: 4, CALLIT: 5 });
  t.strictSame(portmap.IPPROTO, { TCP: 6, UDP: 17 });
});

t.test('a list of mappings as it is on the wire', async t => {
  const bytes = hex(`
    00000001 000186a3 00000003 00000006 00000801    // NFS, version 3, TCP, port 2049
    00000001 000186a5 00000001 00000011 00000801    // MOUNT, version 1, UDP, port 2049
    00000000
  `);
  const value = [
    { prog: 100003, vers: 3, prot: 6, port: 2049 },
    { prog: 100005, vers: 1, prot: 17, port: 2049 },
  ];
  t.strictSame(decode(portmap.pmaplist, bytes), value);
  t.equal(encode(portmap.pmaplist, value).toString('hex'), bytes.toString('hex'));
});

t.test('CALLIT as it is on the wire', async t => {
  const call = { prog: 100003, vers: 3, proc: 0, args: Buffer.from('ab') };
  t.equal(
    encode(portmap.call_args, call).toString('hex'),
    hex('000186a3 00000003 00000000 00000002 61620000').toString('hex'),
  );
  t.same(decode(portmap.call_result, hex('00000801 00000000')), { port: 2049, res: Buffer.alloc(0) });
});
