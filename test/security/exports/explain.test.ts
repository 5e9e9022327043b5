/**
 * Promise: what `explain`, `exports`, `check` and the lines at the start say of an export is true of the whole graph.
 * `explain` also answers with its exit code.
 */
import { chmodSync, chownSync, mkdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { ask } from '#src/cli/control-client.ts';
import type { Explanation, Question } from '#src/server/control/explain.ts';
import type { ExportReport } from '#src/server/control/report.ts';
import { bricknfs, folders, serving } from '../../cli/harness.ts';

const asRoot = process.geteuid!() === 0;
const me = process.geteuid!();
const { data, vol, state } = folders(t, 'data', 'vol', 'state');

/** The volumes, and what is between each of them and its brick. */
const VOLUMES: Readonly<Record<string, { layer?: string; options?: string; squash?: string; access?: string }>> = {
  plain: {},
  guarded: { layer: 'features/read-only' },
  thawed: { layer: 'features/read-only', options: 'option read-only off' },
  frozen: { layer: 'file:./frozen.ts' },
  kept: { access: 'read-only' },
  squashed: { squash: 'all' },
};

writeFileSync(
  join(vol, 'frozen.ts'),
  `import { FsError } from 'bricknfs/errno.ts';
   import { Xlator } from 'bricknfs/graph/xlator.ts';
   export default class Frozen extends Xlator {
     static readonly readOnly = () => true;
     override writev(): never { throw new FsError('EROFS', 'frozen'); }
   }`,
);
for (const name of Object.keys(VOLUMES)) {
  mkdirSync(join(data, name, 'closed', 'in'), { recursive: true });
  writeFileSync(join(data, name, 'file'), 'text');
  chmodSync(join(data, name, 'file'), 0o666);
  chmodSync(join(data, name, 'closed'), 0o700);
}

const file = join(vol, 'nfs.vol');
const stanzas = Object.entries(VOLUMES).flatMap(([name, { layer, options }]) => [
  `volume ${name}-brick\n  type storage/posix\n  option directory ${join(data, name)}\nend-volume`,
  ...(layer
    ? [`volume ${name}-layer\n  type ${layer}\n  ${options ?? ''}\n  subvolumes ${name}-brick\nend-volume`]
    : []),
  `volume ${name}\n  type debug/io-stats\n  subvolumes ${name}-${layer ? 'layer' : 'brick'}\nend-volume`,
]);
const rules = Object.entries(VOLUMES).flatMap(([name, { squash, access }]) => [
  ...(squash ? [`option nfs3.${name}.squash ${squash}`] : []),
  ...(access ? [`option nfs3.${name}.volume-access ${access}`] : []),
]);
const top = ['nfs.port 0', 'rpc.register-with-portmap off', 'rpc-auth.addr.reject 10.9.0.0/16'];
const text = [
  ...stanzas,
  `volume nfs\n  type nfs/server\n  ${[...top.map(line => `option ${line}`), ...rules].join('\n  ')}`,
  `  subvolumes ${Object.keys(VOLUMES).join(' ')}\nend-volume\n`,
].join('\n');
writeFileSync(file, text);
const lineOf = (words: string) => `${file}:${text.slice(0, text.indexOf(words)).split('\n').length}`;

const READ_ONLY: Readonly<Record<string, { by: string; where: string }>> = {
  guarded: { by: 'volume "guarded-layer", features/read-only', where: lineOf('volume guarded-layer') },
  frozen: { by: 'volume "frozen-layer", file:./frozen.ts', where: lineOf('volume frozen-layer') },
  kept: { by: 'nfs3.kept.volume-access', where: lineOf('option nfs3.kept.volume-access') },
};
const modeOf = (name: string) => (name in READ_ONLY ? 'read-only' : 'read-write');

const server = await serving(t, ['-f', file, '--stages', '2', '--state-dir', state]);
const explain = (question: Partial<Question>) =>
  ask<Explanation>({ 'state-dir': state }, 'explain', {
    client: '10.0.0.1',
    port: 1023,
    uid: 1234,
    gid: 1234,
    groups: [],
    ...question,
  });

t.test('an export is read-only if an option or a layer makes it so', async t => {
  const checked = await bricknfs(['check', '-f', file]);
  const listed = await ask<ExportReport[]>({ 'state-dir': state }, 'exports');
  for (const name of Object.keys(VOLUMES)) {
    const mode = modeOf(name);
    t.match(checked.stdout, new RegExp(`^/${name} +${mode} `, 'm'), `check: /${name} is ${mode}`);
    t.equal(listed.find(({ volume }) => volume === name)!.access, mode, `exports: /${name}`);
    t.match(server.stdout.text, new RegExp(`^/${name} \\(${mode}[,)]`, 'm'), `at the start: /${name}`);
    const told = await explain({ path: `/${name}/file` });
    t.match(told.access, { mode, ...READ_ONLY[name] }, `explain: /${name}`);
    t.equal(told.object!.granted, mode === 'read-only' ? 'r--' : 'rw-', `explain: what is granted in /${name}`);
    t.ok(told.allowed);
    t.match(told.reason, mode === 'read-only' ? / may read \/\w+\/file$/ : / may read and write \/\w+\/file$/);
  }
});

t.test('explain refuses what the caller cannot do because of rules, modes or a missing path', async t => {
  const refused: [Partial<Question>, { rule: string | RegExp; where: string; reason: RegExp }][] = [
    [
      { path: '/plain', client: '10.9.0.1' },
      {
        rule: 'rpc-auth.addr.reject 10.9.0.0/16',
        where: lineOf('option rpc-auth.addr.reject'),
        reason: /^10\.9\.0\.1 is rejected$/,
      },
    ],
    [
      { path: '/other' },
      { rule: 'exports', where: 'default', reason: /^no export has this path; there are \/plain, / },
    ],
    [{ path: '/plain/none' }, { rule: 'ENOENT', where: 'on the disk', reason: /^\/plain\/none does not exist$/ }],
    [
      { path: '/plain/file/in' },
      { rule: 'ENOTDIR', where: 'on the disk', reason: /^\/plain\/file\/in does not exist$/ },
    ],
  ];
  if (asRoot) {
    refused.push(
      [
        { path: '/plain/closed' },
        {
          rule: 'mode 0700, owner 0:0',
          where: 'on the disk',
          reason: /^uid 1234 may do nothing with \/plain\/closed$/,
        },
      ],
      [
        { path: '/plain/closed/in' },
        {
          rule: 'EACCES',
          where: 'on the disk',
          reason: /^uid 1234 may not search a directory above \/plain\/closed\/in$/,
        },
      ],
      [
        { path: '/squashed/closed', uid: 0, gid: 0 },
        { rule: 'mode 0700, owner 0:0', where: 'on the disk', reason: /^uid 65534 may do nothing with / },
      ],
    );
  }
  for (const [question, expected] of refused) {
    t.match(await explain(question), { allowed: false, ...expected }, JSON.stringify(question));
  }
});

t.test('the exit code is 0 for allowed and 1 for refused', async t => {
  const run = (...words: string[]) => bricknfs(['explain', '--client', '10.0.0.1', '--uid', '1234', ...words]);
  const live = ['--state-dir', state, '--path'];
  const [allowed, absent, json, offline, offlineRefused, help] = await Promise.all([
    run(...live, '/guarded/file'),
    run(...live, '/plain/none'),
    run(...live, '/plain/none', '--json'),
    run('-f', file, '--path', '/guarded/file'),
    run('-f', file, '--path', '/other'),
    bricknfs(['explain', '--help']),
  ]);
  t.equal(allowed.code, 0);
  const who = asRoot ? 'uid 1234' : `uid ${me}`;
  const headline = `allowed: 10.0.0.1 may mount /guarded, and ${who} may read /guarded/file\n`;
  t.ok(allowed.stdout.startsWith(headline), allowed.stdout);
  const { by, where } = READ_ONLY['guarded']!;
  t.match(allowed.stdout, `  access  read-only by ${by} (${where})\n`);
  t.match(allowed.stdout, /^ {2}object {2}a file, mode 0666, owner \d+:\d+, r--$/m);
  t.match(absent, { code: 1, stdout: /^refused: \/plain\/none does not exist\n {2}by {6}ENOENT \(on the disk\)\n/ });
  t.equal(json.code, 1);
  t.match(JSON.parse(json.stdout), { allowed: false });
  t.equal(offline.code, 0);
  t.match(offline.stdout, /^allowed: 10\.0\.0\.1 may mount \/guarded; permissions there decide what it may do\n/);
  t.match(offline.stdout, /^ {2}acts as uid 1234, gid 1234 \(as the client states, if the server runs as root\)$/m);
  t.match(offline.stdout, `  access  read-only by ${by} (${where})\n`);
  t.match(offlineRefused, { code: 1, stdout: /^refused: no export has this path/ });
  t.match(help.stdout, /Exits with 0 .* 1 /s);
});

/** Whether every user can read the directory. Root starts the server as another user, which must be able to read it. */
function isReadableByAll(dir: string): boolean {
  return (statSync(dir).mode & 0o5) === 0o5 && (dir === '/' || isReadableByAll(join(dir, '..')));
}

const skip = asRoot && !isReadableByAll(import.meta.dirname) && 'this folder cannot be read by other users';
t.test("without root all callers act as the server's user", { skip }, async t => {
  const dirs = folders(t, 'data', 'state');
  const uid = asRoot ? 1234 : me;
  if (asRoot) for (const dir of [dirs.data, dirs.state, join(dirs.data, '..')]) chownSync(dir, uid, uid);
  const args = ['--port', '0', '--stages', '1', '--state-dir', dirs.state, dirs.data];
  await serving(t, args, asRoot ? { uid } : {});
  const words = ['explain', '--client', '10.0.0.1', '--uid', '77', '--path', '/data', '--state-dir', dirs.state];
  const { code, stdout } = await bricknfs(words);
  t.equal(code, 0);
  t.match(stdout, `and uid ${uid} may read, write and search /data\n`);
  const how = "the server's own user, since it does not run as root";
  t.match(stdout, new RegExp(`^  acts as uid ${uid}, gid \\d+.* \\(${how}\\)$`, 'm'));
});
