/**
 * Promise: a server that opens an export to everyone, with root as root, says so in one line that tells what to add.
 */
import { writeFileSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { openWarning } from '#src/cli/commands/open-exports.ts';
import { generateVolfile } from '#src/cli/generated-volfile.ts';
import { planServer } from '#src/server/plan.ts';
import { folders, serving } from '../../cli/harness.ts';

const asRoot = process.geteuid!() === 0;
const { data, other, state, state2 } = folders(t, 'data', 'other', 'state', 'state2');

interface Flags {
  readonly allow?: string;
  readonly reject?: string;
  readonly squash?: 'none' | 'root' | 'all';
  readonly readOnly?: boolean;
  readonly more?: string;
}

const FLAGS = { names: [], port: 0, anonuid: undefined, anongid: undefined, insecure: false, portmap: false } as const;

async function exportsOf({ allow, reject, squash = 'none', readOnly = false, more = '' }: Flags) {
  const wanted = { ...FLAGS, host: '0.0.0.0', allow, reject, squash, readOnly };
  const text = generateVolfile([data, other], wanted).replace(/( +subvolumes data other)/, `${more}\n$1`);
  return (await planServer({ text, file: 'nfs.vol' })).exports;
}

const ROOT = { address: '0.0.0.0', toldApart: true, uid: 0, byFlags: true } as const;
const EVERYTHING = /^Warning: every host that reaches this server may use \/data, \/other as root; /;
const cases: { name: string; flags: Flags; listening?: object; says: RegExp | undefined }[] = [
  { name: 'no options', flags: {}, says: /add --allow NETWORK and --squash root$/ },
  { name: 'no options, all addresses', flags: {}, listening: { address: '::' }, says: EVERYTHING },
  { name: 'one address', flags: {}, listening: { address: '192.0.2.1' }, says: EVERYTHING },
  { name: 'a host name', flags: {}, listening: { address: 'server.example.org' }, says: EVERYTHING },
  { name: 'this machine only', flags: {}, listening: { address: '127.0.0.1' }, says: undefined },
  { name: 'this machine only, IPv6', flags: {}, listening: { address: '::1' }, says: undefined },
  { name: 'read-only', flags: { readOnly: true }, says: EVERYTHING },
  { name: 'some are allowed', flags: { allow: '10.0.0.0/8' }, says: undefined },
  { name: 'some are allowed, and all others', flags: { allow: '10.0.0.0/8,*' }, says: EVERYTHING },
  { name: 'every IPv4 address', flags: { allow: '0.0.0.0/0' }, says: EVERYTHING },
  { name: 'some are rejected', flags: { reject: '10.0.0.0/8' }, says: EVERYTHING },
  { name: 'none is allowed', flags: { allow: 'none' }, says: undefined },
  { name: 'all are rejected', flags: { reject: '*' }, says: undefined },
  { name: 'root is squashed', flags: { squash: 'root' }, says: undefined },
  { name: 'all are squashed', flags: { squash: 'all' }, says: undefined },
  {
    name: 'one of two',
    flags: { more: ' option rpc-auth.addr.other.allow 10.0.0.1' },
    says: /may use \/data as root/,
  },
  {
    name: 'a directory for some, the volume for all',
    flags: { more: ' option nfs3.data.export-dir /a(10.0.0.1)\n option nfs3.other.squash root' },
    says: /may use \/data as root/,
  },
  {
    name: 'four directories',
    flags: { more: ' option nfs3.data.export-dir /a,/b' },
    says: /may use \/data, \/data\/a, \/data\/b and 1 more as root/,
  },
  {
    name: 'from a volfile',
    flags: {},
    listening: { byFlags: false },
    says: /add rpc-auth\.addr\.allow NETWORK and nfs3\.VOLUME\.squash root$/,
  },
  {
    name: 'without root',
    flags: { squash: 'root' },
    listening: { toldApart: false, uid: 1000 },
    says: /may use \/data, \/other as uid 1000, the server's own user; add --allow NETWORK$/,
  },
];
for (const { name, flags, listening, says } of cases) {
  t.test(name, async t => {
    const warning = openWarning(await exportsOf(flags), { ...ROOT, ...listening });
    if (says === undefined) t.equal(warning, undefined);
    else t.match(warning, says);
    t.notMatch(warning ?? '', '\n');
  });
}

t.test('the start says it, with mount commands for an address that other hosts reach', async t => {
  const args = ['--host', '0.0.0.0', '--port', '0', '--stages', '1', '--state-dir'];
  const { stdout } = await serving(t, [...args, state, data]);
  const warnings = stdout.text.split('\n').filter(line => line.startsWith('Warning: '));
  t.equal(warnings.length, 1);
  t.match(warnings[0], asRoot ? /add --allow NETWORK and --squash root$/ : /add --allow NETWORK$/);
  const own = Object.values(networkInterfaces()).flatMap(addresses => addresses ?? []);
  const [outward] = own.filter(({ internal, family }) => !internal && family === 'IPv4');
  t.match(stdout.text, ` ${outward?.address ?? '127.0.0.1'}:/data /mnt\n`);
  const { stdout: guarded } = await serving(t, [...args, state2, '--allow', '10.0.0.0/8', data]);
  t.notMatch(guarded.text, 'Warning');
});

t.test('the log says it when a reloaded volfile opens an export', async t => {
  const file = join(state, 'nfs.vol');
  const text = (allow: string) =>
    generateVolfile([data], { ...FLAGS, host: '0.0.0.0', allow, reject: undefined, squash: 'none', readOnly: false });
  writeFileSync(file, text('10.0.0.0/8'));
  const args = ['-f', file, '--stages', '1', '--state-dir', state];
  const { child, stdout, stderr } = await serving(t, args);
  t.notMatch(stdout.text, 'Warning');
  writeFileSync(file, text('*'));
  child.kill('SIGHUP');
  const [, option] = await stderr.until(/"msg":"Warning: every host that reaches this server may use .*; add (\S+) /);
  t.equal(option, 'rpc-auth.addr.allow');
});
