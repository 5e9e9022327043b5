import t from 'tap';
import { parseVolfile } from '#src/volfile/volfile.ts';
import { readOptions } from '#src/graph/options/read-options.ts';
import { VolfileError } from '#src/volfile/volfile-error.ts';
import type { Credentials } from '#src/rpcsvc/auth/scheme.ts';
import { squashed, verdict } from '#src/xlators/nfs/server/exports/access.ts';
import type { Export } from '#src/xlators/nfs/server/exports/exports.ts';
import { planExports } from '#src/xlators/nfs/server/exports/plan-exports.ts';
import { OPTIONS } from '#src/xlators/nfs/server/options.ts';

/** The exports of a volume `v` with these options, which begin on line 3 of `nfs.vol`. */
function exportsWith(...options: string[]): readonly Export[] {
  const lines = ['volume nfs', ' type nfs/server', ...options.map(option => ` option ${option}`), 'end-volume'];
  const [stanza] = parseVolfile(lines.join('\n'), 'nfs.vol');
  const { values, origins } = readOptions(OPTIONS, { ...stanza!, subvolumes: [{ name: 'v', where: 'nfs.vol' }] });
  return planExports([{ name: 'v' }], { options: values, origins, where: 'nfs.vol:1' }).exports;
}
const exportWith = (...options: string[]) => exportsWith(...options)[0]!;
const SYS = 1;
const NONE = 0;

const from = (address: string, port = 700) => ({ address, port });
const cases: { name: string; options: string[]; peer: ReturnType<typeof from>; flavor?: number; expected: object }[] = [
  {
    name: 'no options: every client, from a privileged port',
    options: [],
    peer: from('10.0.0.1'),
    expected: { allowed: true },
  },
  {
    name: 'an unprivileged port',
    options: [],
    peer: from('10.0.0.1', 1024),
    expected: {
      allowed: false,
      rule: 'rpc-auth.ports.insecure',
      where: 'default',
      reason: /port 1024 .* not below 1024/,
    },
  },
  { name: 'the last privileged port', options: [], peer: from('10.0.0.1', 1023), expected: { allowed: true } },
  {
    name: 'insecure ports',
    options: ['rpc-auth.ports.insecure on'],
    peer: from('10.0.0.1', 40_000),
    expected: { allowed: true },
  },
  {
    name: 'insecure ports, but not for this volume',
    options: ['rpc-auth.ports.insecure on', 'rpc-auth.ports.v.insecure off'],
    peer: from('10.0.0.1', 40_000),
    expected: { allowed: false, rule: 'rpc-auth.ports.v.insecure', where: 'nfs.vol:4' },
  },
  {
    name: 'not among the allowed',
    options: ['rpc-auth.addr.allow 192.168.0.0/16'],
    peer: from('10.0.0.1'),
    expected: { allowed: false, rule: 'rpc-auth.addr.allow 192.168.0.0/16', where: 'nfs.vol:3' },
  },
  {
    name: 'among the allowed',
    options: ['rpc-auth.addr.allow 192.168.0.0/16,10.0.0.1'],
    peer: from('10.0.0.1'),
    expected: { allowed: true, rule: 'rpc-auth.addr.allow 10.0.0.1', where: 'nfs.vol:3' },
  },
  {
    name: "the volume's own list goes before the general one",
    options: ['rpc-auth.addr.allow 10.0.0.1', 'rpc-auth.addr.v.allow 10.0.0.2'],
    peer: from('10.0.0.1'),
    expected: { allowed: false, rule: 'rpc-auth.addr.v.allow 10.0.0.2', where: 'nfs.vol:4' },
  },
  {
    name: 'rejected, though allowed',
    options: ['rpc-auth.addr.allow *', 'rpc-auth.addr.reject 10.0.0.0/8'],
    peer: from('10.0.0.1'),
    expected: { allowed: false, rule: 'rpc-auth.addr.reject 10.0.0.0/8', where: 'nfs.vol:4' },
  },
  {
    name: 'rejected for all volumes, where the volume rejects others',
    options: ['rpc-auth.addr.reject 10.0.0.1', 'rpc-auth.addr.v.reject 10.0.0.2'],
    peer: from('10.0.0.1'),
    expected: { allowed: false, rule: 'rpc-auth.addr.reject 10.0.0.1', where: 'nfs.vol:3' },
  },
  {
    name: 'rejected for the volume, where others are for all',
    options: ['rpc-auth.addr.reject 10.0.0.1', 'rpc-auth.addr.v.reject 10.0.0.2'],
    peer: from('10.0.0.2'),
    expected: { allowed: false, rule: 'rpc-auth.addr.v.reject 10.0.0.2', where: 'nfs.vol:4' },
  },
  {
    name: 'AUTH_SYS, off by the other spelling',
    options: ['rpc-auth.auth-unix.v.allow off'],
    peer: from('10.0.0.1'),
    expected: { allowed: false, rule: 'rpc-auth.auth-unix.v.allow', where: 'nfs.vol:3' },
  },
  { name: 'AUTH_NONE', options: [], peer: from('10.0.0.1'), flavor: NONE, expected: { allowed: true } },
  {
    name: 'AUTH_NONE, off for the volume',
    options: ['rpc-auth.auth-null.v off'],
    peer: from('10.0.0.1'),
    flavor: NONE,
    expected: { allowed: false, rule: 'rpc-auth.auth-null.v', where: 'nfs.vol:3' },
  },
  {
    name: 'AUTH_SYS, off for all but this volume',
    options: ['rpc-auth.auth-unix off', 'rpc-auth.auth-unix.v on'],
    peer: from('10.0.0.1'),
    expected: { allowed: true },
  },
];

for (const { name, options, peer, flavor, expected } of cases) {
  t.test(name, async t => t.match(verdict(exportWith(...options), peer, flavor ?? SYS), expected));
}

t.test('directories can have hosts of their own', async t => {
  const exports = exportsWith('nfs3.v.export-dir /a(10.0.0.0/8),/b/c');
  t.strictSame(
    exports.map(({ paths }) => paths),
    [['/v'], ['/v/a'], ['/v/b/c']],
  );
  t.match(verdict(exports[1]!, from('10.1.1.1'), SYS), { allowed: true, rule: 'nfs3.v.export-dir 10.0.0.0/8' });
  t.match(verdict(exports[1]!, from('11.1.1.1'), SYS), { allowed: false, where: 'nfs.vol:3' });
  t.match(verdict(exports[2]!, from('11.1.1.1'), SYS), { allowed: true });
  t.equal(exports[0]!.id, 0);
  const reordered = exportsWith('nfs3.v.export-dir /b/c,/a');
  t.equal(reordered[2]!.id, exports[1]!.id, 'its id does not depend on the order');
  t.throws(() => exportsWith('nfs3.v.export-dir /a,/a/'), VolfileError);
});

t.test('squash', async t => {
  const caller = (uid: number, gid: number, groups: number[] = [], flavor = SYS): Credentials => ({
    flavor,
    uid,
    gid,
    groups,
    machinename: '',
  });
  const none = exportWith();
  t.match(squashed(none, caller(0, 0)), { uid: 0, gid: 0 });
  t.match(squashed(none, caller(0, 0, [], NONE)), { uid: 65_534, gid: 65_534 }, 'AUTH_NONE is the anonymous user');
  const root = exportWith('nfs3.v.squash root', 'nfs3.v.anonuid 99', 'nfs3.v.anongid 98');
  t.strictSame({ ...squashed(root, caller(0, 5, [1, 2])) }, { uid: 99, gid: 98, groups: [] });
  t.strictSame({ ...squashed(root, caller(7, 0, [0, 2])) }, { uid: 7, gid: 98, groups: [98, 2] });
  const all = exportWith('nfs3.v.squash all');
  t.match(squashed(all, caller(7, 7, [8])), { uid: 65_534, gid: 65_534, groups: [] });
  t.equal(squashed(none, caller(7, 7, [8])), squashed(none, caller(7, 7, [8])), 'there is one object for each caller');
});
