/** Hosts named for a directory limit nothing if another export leads to it. `check` and the start say so. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { planServer } from '#src/server/plan.ts';
import { bricknfs, folders, serving } from '../../cli/harness.ts';
import { temporaryDir } from '../../support/nfs.ts';

const volfile = (dir: string, ...options: string[]) => `
volume vol
  type storage/posix
  option directory ${dir}
end-volume
volume nfs
  type nfs/server
  option nfs.port 0
  option rpc.register-with-portmap off
${options.map(option => `  option ${option}\n`).join('')}  subvolumes vol
end-volume
`;

/** The expected warnings: the directory whose hosts limit nothing, and the export that leads to it. */
const CASES: readonly (readonly [options: string[], warned: [directory: string, by: string][]])[] = [
  [['nfs3.vol.export-dir /a(10.0.0.7)'], [['/a', '/vol']]],
  [['nfs3.vol.export-dir /a(none)'], [['/a', '/vol']]],
  [['nfs3.vol.export-dir /a/b/c(10.0.0.7)'], [['/a/b/c', '/vol']]],
  [
    ['nfs3.vol.export-dir /a(10.0.0.7),/b(10.0.0.8),/c'],
    [
      ['/a', '/vol'],
      ['/b', '/vol'],
    ],
  ],
  [['nfs3.vol.export-dir /a(10.0.0.7)', 'rpc-auth.addr.allow 10.0.0.0/8'], [['/a', '/vol']]],
  [['nfs3.vol.export-dir /a(10.0.0.7)', 'rpc-auth.addr.vol.allow 10.0.0.7'], []],
  [['nfs3.vol.export-dir /a(10.0.0.7,10.0.0.8)', 'rpc-auth.addr.allow 10.0.0.8'], []],
  [['nfs3.vol.export-dir /a'], []],
  [['nfs3.vol.export-dir /a(*)'], []],
  [['nfs3.vol.export-dir /a(all)'], []],
  [['nfs3.vol.export-dir /a(10.0.0.7)', 'rpc-auth.addr.allow none'], []],
  [['nfs3.vol.export-dir /a(10.0.0.7)', 'nfs3.export-volumes off'], []],
  [['nfs3.vol.export-dir /a(10.0.0.7),/b', 'nfs3.export-volumes off'], []],
  [['nfs3.vol.export-dir /a,/a/b(10.0.0.7)', 'nfs3.export-volumes off'], [['/a/b', '/vol/a']]],
  [['nfs3.vol.export-dir /a(10.0.0.7),/a/b(10.0.0.8)', 'nfs3.export-volumes off'], [['/a/b', '/vol/a']]],
  [['nfs3.vol.export-dir /a(10.0.0.8),/a/b(10.0.0.8)', 'nfs3.export-volumes off'], []],
  [['nfs3.vol.export-dir /a,/ab(10.0.0.8)', 'nfs3.export-volumes off'], []],
];

t.test('a warning names each directory that another export leads to', async t => {
  const dir = await temporaryDir(t, 'vol');
  for (const [options, warned] of CASES) {
    const { plan } = await planServer({ text: volfile(dir, ...options), file: 'x.vol', overrides: [] });
    const found = plan.warnings.map(warning => {
      const [, directory, by] =
        /^x\.vol:10: option nfs3\.vol\.export-dir: the hosts named for (\S+) keep no other host out, since (\S+) is exported/.exec(
          warning,
        )!;
      return [directory, by];
    });
    t.strictSame(found, warned, options.join('; '));
  }
});

t.test('`check` and the start print the warning with its remedy', async t => {
  const { data, state } = folders(t, 'data', 'state');
  const file = join(state, 'nfs.vol');
  writeFileSync(file, volfile(data, 'nfs3.vol.export-dir /a(10.0.0.7)'));
  const expected =
    `${file}:10: option nfs3.vol.export-dir: the hosts named for /a keep no other host out, since /vol is exported to * and ` +
    'leads down to it: expected nfs3.export-volumes off (and nfs3.vol.export-dir with each directory that is to be exported)';
  t.match(await bricknfs(['check', '-f', file]), { stderr: `${expected}\n` });
  const { stderr } = await serving(t, ['-f', file, '--stages', '2', '--state-dir', state]);
  const lines = stderr.text.split('\n').filter(line => line.includes('keep no other host out'));
  t.match(
    lines.map(line => JSON.parse(line) as object),
    [{ level: 40, msg: expected }],
  );
});
