import t from 'tap';
import { authNone } from '#src/rpcsvc/auth/none.ts';
import { AuthRegistry, strengthOf } from '#src/rpcsvc/auth/registry.ts';
import { AuthError } from '#src/rpcsvc/auth/scheme.ts';
import { hex } from '../../support/hex.ts';

const none = { flavor: 0, body: Buffer.alloc(0) };
const sys = (body: string) => ({ flavor: 1, body: hex(body) });
const caller = '00000001 00000002 68690000 000003e8 000003e9';

t.test('AUTH_NONE: nobody', async t => {
  t.match(new AuthRegistry().authenticate(none, none), { flavor: 0, uid: 65_534, gid: 65_534, groups: [] });
});

t.test('AUTH_SYS: who the client says', async t => {
  const credentials = new AuthRegistry().authenticate(sys(`${caller} 00000002 00000005 ffffffff`), none);
  t.strictSame(credentials, { flavor: 1, uid: 1000, gid: 1001, groups: [5, 0xffff_ffff], machinename: 'hi' });
});

const refused: [string, string, number][] = [
  ['nothing', '', 1],
  ['no groups where two are said to be', `${caller} 00000002`, 1],
  ['bytes behind it', `${caller} 00000000 00000000`, 1],
  ['a name of 256 bytes', `00000001 00000100 ${'61'.repeat(256)} 00000000 00000000 00000000`, 1],
];
for (const [name, body, why] of refused) {
  t.test(`AUTH_SYS, ${name}: refused`, async t => {
    t.throws(() => new AuthRegistry().authenticate(sys(body), none), { name: 'AuthError', why });
  });
}

t.test('a scheme that is not enabled', async t => {
  const only = new AuthRegistry([authNone]);
  t.throws(() => only.authenticate(sys(`${caller} 00000000`), none), AuthError);
  t.match(only.authenticate(none, none), { flavor: 0 });
});

t.test('strength: nothing, AUTH_NONE, AUTH_SYS', async t => {
  t.ok(strengthOf(6) < strengthOf(0));
  t.ok(strengthOf(0) < strengthOf(1));
});
