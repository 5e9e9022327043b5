/**
 * Values as GlusterFS's own volfiles and `gluster volume set` write them are accepted, or refused with what to write
 * instead.
 */
import t from 'tap';
import { readOptions } from '#src/graph/options/read-options.ts';
import { parseVolfile } from '#src/volfile/volfile.ts';
import { planExports } from '#src/xlators/nfs/server/exports/plan-exports.ts';
import { OPTIONS } from '#src/xlators/nfs/server/options.ts';

/** The values and the exports of a volume `v` with one option, which is on line 3 of `nfs.vol`. */
function read(option: string) {
  const brick = 'volume v type test/memory end-volume\n';
  const stanza = parseVolfile(
    `${brick}volume nfs type nfs/server\n option ${option}\n subvolumes v end-volume`,
    'nfs.vol',
  )[1];
  const { values, origins } = readOptions(OPTIONS, stanza!);
  const { exports } = planExports([{ name: 'v' }], { options: values, origins, where: 'nfs.vol:2' });
  return { values, exports: exports.map(({ paths }) => paths[0]) };
}

const values = [
  // 0 stands for "no limit" there, which is the greatest value here.
  { option: 'nfs.outstanding-rpc-limit 0', key: 'nfs.outstanding-rpc-limit', value: 65_536 },
  { option: 'rpc.outstanding-rpc-limit 0', key: 'nfs.outstanding-rpc-limit', value: 65_536 },
  { option: 'rpc.outstanding-rpc-limit 16', key: 'nfs.outstanding-rpc-limit', value: 16 },
  { option: 'nfs.port 0x801', key: 'nfs.port', value: 2049 },
  { option: 'nfs.mem-factor 0XF', key: 'nfs.mem-factor', value: 15 },
  { option: 'nfs.drc-size 131072', key: 'nfs.drc-size', value: 131_072 },
  { option: 'nfs.drc-size 32MB', key: 'nfs.drc-size', value: 32 * 1024 * 1024 },
] as const;

for (const { option, key, value } of values) {
  t.test(`${option}is accepted`, async t => t.equal(read(option).values[key], value));
}

for (const nothing of ['""', '" "']) {
  t.test(`nfs3.v.export-dir ${nothing} stands for no directories`, async t => {
    t.strictSame(read(`nfs3.v.export-dir ${nothing}`).exports, ['/v']);
  });
}

const refused = [
  ['nfs.outstanding-rpc-limit -1', /^nfs\.vol:3: expected a whole number from 0 to 65536 for option /],
  ['nfs.port 0xg', /expected a whole number from 0 to 65535 for option nfs\.port, found "0xg"/],
  ['nfs.port 0x', /expected a whole number/],
  ['nfs.port -0x801', /expected a whole number/],
  ['nfs.port 0x10000', /expected a whole number from 0 to 65535/],
  // GlusterFS counts replies, and bricknfs bytes.
  [
    'nfs.drc-size 0x20000',
    /a size in bytes .*GlusterFS counts replies: for its 0x20000 write 32MB\) .* found "0x20000"/,
  ],
  ['rpc-auth.addr.v.allow @trusted', /found "@trusted": netgroups are not read here/],
  ['rpc-auth.addr.v.allow *,!10.0.0.1', /found "!10\.0\.0\.1": .*rpc-auth\.addr\.VOLUME\.reject/],
  ['nfs3.v.export-dir "a"', /^nfs\.vol:3: expected \/DIR or \/DIR\(HOST\|HOST…\)/],
] as const;

for (const [option, message] of refused) {
  t.test(`${option}is refused`, async t => {
    t.throws(() => read(option), { name: 'VolfileError', message });
  });
}

t.test('without an option the defaults apply', async t => {
  t.match(read('nfs.drc on').values, { 'nfs.outstanding-rpc-limit': 512, 'nfs.drc-size': 16 * 1024 * 1024 });
});
