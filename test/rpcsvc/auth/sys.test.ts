/** AUTH_SYS credentials at the wire (RFC 5531, appendix A). */
import t, { type Test } from 'tap';
import { auth_stat } from '#protocols/rpc.ts';
import { AuthError } from '#src/rpcsvc/auth/scheme.ts';
import { authSys } from '#src/rpcsvc/auth/sys.ts';
import { hex } from '../../support/hex.ts';

const NO_VERF = { flavor: 0, body: Buffer.alloc(0) };
const opaque = (bytes: Buffer) => {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(bytes.length);
  return Buffer.concat([length, bytes, Buffer.alloc(-bytes.length & 3)]);
};
const credentials = (machinename: Buffer, ids = '000003e8 000003e9 00000001 00000005') =>
  authSys.authenticate({ flavor: 1, body: Buffer.concat([hex('12345678'), opaque(machinename), hex(ids)]) }, NO_VERF);

const names = {
  nothing: Buffer.alloc(0),
  'a name': Buffer.from('client-1.example.org'),
  'UTF-8': Buffer.from('größe'),
  'Latin-1': Buffer.from('gr\xf6\xdfe', 'latin1'),
  'a NUL inside': Buffer.from('a\0b'),
  'control characters': Buffer.from('\x1b[2J\r\n\x9b', 'latin1'),
  'bytes that no UTF-8 has': Buffer.from('fffefdc080', 'hex'),
  'every byte but one': Buffer.from(Array.from({ length: 255 }, (_, i) => i)),
  '255 times 0xff': Buffer.alloc(255, 0xff),
};

for (const [name, bytes] of Object.entries(names)) {
  t.test(`machinename: ${name}`, async t => {
    const { uid, gid, groups, machinename } = credentials(bytes);
    t.strictSame({ uid, gid, groups }, { uid: 1000, gid: 1001, groups: [5] });
    t.equal(Buffer.from(machinename, 'latin1').toString('hex'), bytes.toString('hex'));
  });
}

const refused = (run: () => unknown, t: Test) => t.throws(run, { name: 'AuthError', why: auth_stat.AUTH_BADCRED });

t.test('what is none: AUTH_BADCRED', async t => {
  refused(() => credentials(Buffer.alloc(256)), t);
  refused(() => credentials(Buffer.from('a'), '000003e8 000003e9 00000011' + ' 00000005'.repeat(17)), t);
  refused(() => credentials(Buffer.from('a'), '000003e8 000003e9 00000002 00000005'), t);
  refused(() => credentials(Buffer.from('a'), '000003e8 000003e9 00000000 00000005'), t);
  refused(() => credentials(Buffer.from('a'), '000003e8'), t);
  t.throws(
    () => authSys.authenticate({ flavor: 1, body: Buffer.alloc(0) }, { flavor: 1, body: Buffer.alloc(0) }),
    AuthError,
  );
});
