/** A server that cannot start prints one line with what was expected and what to do, and exits with a code. */
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, chownSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import t from 'tap';
import { bricknfs, compileCacheOf, folders } from './harness.ts';
import { refused } from './in-process.ts';

const MAIN = join(import.meta.dirname, '../../src/main.ts');
const { data, state, more } = folders(t, 'data', 'state', 'more');
writeFileSync(join(more, 'file'), '');
const taken = createServer().listen(0, '127.0.0.1');
await once(taken, 'listening');
t.teardown(() => taken.close());
const { port } = taken.address() as AddressInfo;

const serve = (...words: string[]) => ['serve', '--stages', '1', '--port', '0', '--state-dir', state, ...words];
const long = `/tmp/${'x'.repeat(120)}`;
const ELSEWHERE = '203.0.113.7'; // TEST-NET-3, RFC 5737

const cases: readonly (readonly [args: string[], code: number, line: string])[] = [
  [
    ['serve', '--port', `${port}`, '--state-dir', state, data],
    1,
    `cannot listen on port ${port} of 127.0.0.1: another program uses it; stop that program, or choose another port with --port PORT`,
  ],
  [
    serve(`--portmapper=${port}`, data),
    1,
    `cannot listen on port ${port} of 127.0.0.1: another program uses it; stop that program, or choose another port with --portmapper=PORT`,
  ],
  [
    serve('--host', ELSEWHERE, data),
    1,
    `cannot listen on ${ELSEWHERE}: this machine does not have that address; choose one with --host (0.0.0.0 or :: for all)`,
  ],
  [
    ['serve', '--state-dir', state, '-f', join(more, 'none.vol')],
    2,
    `cannot read the volfile ${more}/none.vol: it does not exist (ENOENT)`,
  ],
  [['serve', '--state-dir', state, '-f', more], 2, `cannot read the volfile ${more}: it is a directory (EISDIR)`],
  [
    ['serve', '--state-dir', state, '-f', join(more, 'file/x.vol')],
    2,
    `cannot read the volfile ${more}/file/x.vol: a part of its path is not a directory (ENOTDIR)`,
  ],
  [serve(join(more, 'none')), 2, `cannot serve ${more}/none: there is no such directory`],
  [serve(join(more, 'file')), 2, `expected a directory, but ${more}/file is not one`],
  [
    serve('--log-file', join(more, 'none/log'), data),
    1,
    `cannot write the log file ${more}/none/log: it does not exist (ENOENT); choose another with --log-file`,
  ],
  [
    serve('--log-file', more, data),
    1,
    `cannot write the log file ${more}: it is a directory (EISDIR); choose another with --log-file`,
  ],
  [
    serve('--daemon', '--log-file', more, data),
    1,
    `cannot write the log file ${more}: it is a directory (EISDIR); choose another with --log-file`,
  ],
  [
    serve('--control', long, data),
    1,
    `cannot open the control socket ${long}: expected a path of at most 98 bytes, found one of 125; choose another with --control`,
  ],
  [
    serve('--control', join(more, 'none/socket'), data),
    1,
    `cannot open the control socket ${more}/none/socket: it does not exist (ENOENT); choose another with --control`,
  ],
  [
    serve('--control', join(more, 'file'), data),
    1,
    `cannot open the control socket ${more}/file: expected a socket or nothing`,
  ],
  [
    serve('--daemon', '--control', join(more, 'none/socket'), data),
    1,
    `cannot open the control socket ${more}/none/socket: it does not exist (ENOENT); choose another with --control`,
  ],
  [serve('--portmapper', join(more, 'none')), 2, `cannot serve ${more}/none: there is no such directory`],
];

/** The lines on standard error that do not belong to the log, without the program's name. */
const linesOf = (stderr: string) =>
  stderr
    .split('\n')
    .filter(line => line !== '' && !line.startsWith('{'))
    .map(line => line.replace(/^bricknfs: /, ''));

/** Whether a case needs a process of its own, since it starts stages or another process before it fails. */
const apart = (args: readonly string[]) =>
  args.some(arg => arg === '--daemon' || arg === '--control' || arg.startsWith('--portmapper='));

t.test('each failure is one line', async t => {
  for (const [args, code, line] of cases) {
    const ran = apart(args) ? await bricknfs(args) : { ...(await refused(t, args)), stdout: '' };
    const lines = linesOf(ran.stderr);
    t.strictSame(
      { code: ran.code, lines: lines.length, stdout: ran.stdout },
      { code, lines: 1, stdout: '' },
      args.join(' '),
    );
    t.ok(lines[0]?.startsWith(line), `${args.join(' ')}: ${lines[0]}`);
  }
});

t.test('--portmapper takes a number, and leaves a directory to be served', async t => {
  const args = ['serve', '--print-volfile', '--portmapper', data];
  const { code, stdout } = await bricknfs(args);
  t.equal(code, 0);
  t.match(stdout, `option directory ${data}\n`);
  t.equal((await bricknfs(['serve', '--print-volfile', '--portmapper', '1111', data])).code, 0);
});

const USER = 12_345;
const isRoot = process.geteuid!() === 0;
/** Whether another user can run this program in its place. */
const isReadable = isRoot && spawnSync(process.execPath, [MAIN, '--version'], { uid: USER, gid: USER }).status === 0;

t.test(
  'each failure of a plain user is one line',
  { skip: !isReadable && 'needs root and a directory that others can read' },
  async t => {
    chmodSync(join(more, '..'), 0o755);
    const secret = join(more, 'secret');
    mkdirSync(secret, { mode: 0o700 });
    const below1024 = Number(readFileSync('/proc/sys/net/ipv4/ip_unprivileged_port_start', 'latin1')) > 111;
    const own = mkdtempSync(join(more, 'own-'));
    chownSync(own, USER, USER);
    const noHome = 'expected --state-dir, since HOME is not set and this user has no home directory';
    const asUser: readonly (readonly [args: string[], code: number, line: string])[] = [
      ...(below1024
        ? [
            [
              ['serve', '--port', '111', '--state-dir', own, data],
              1,
              'cannot listen on port 111 of 127.0.0.1: ports below 1024 are reserved for root; choose another with --port PORT',
            ] as const,
          ]
        : []),
      [['serve', '--port', '0', data], 1, noHome],
      [['status'], 1, noHome],
      [
        ['serve', '-f', join(secret, 'x.vol')],
        2,
        `cannot read the volfile ${secret}/x.vol: permission denied (EACCES)`,
      ],
      [
        ['serve', '--port', '0', '--state-dir', own, '-l', join(secret, 'log'), data],
        1,
        `cannot write the log file ${secret}/log: permission denied (EACCES); choose another with --log-file`,
      ],
      [['status', '--state-dir', secret], 1, `cannot read the state directory ${secret}: permission denied (EACCES)`],
    ].map(([args, code, line]) => [args as string[], code as number, line as string] as const);
    for (const [args, code, line] of asUser) {
      const env = { PATH: process.env['PATH'], NODE_COMPILE_CACHE: compileCacheOf(USER) };
      const { status, stderr } = spawnSync(process.execPath, ['--disable-sigusr1', MAIN, ...args], {
        uid: USER,
        gid: USER,
        env,
        encoding: 'utf8',
      });
      t.strictSame({ status, lines: linesOf(stderr) }, { status: code, lines: [line] }, args.join(' '));
    }
  },
);

t.test('without /proc the start fails', { skip: !isRoot && 'needs root to hide /proc' }, async t => {
  const hidden = 'mount -t tmpfs none /proc && exec "$@"';
  const words = ['-m', 'sh', '-c', hidden, 'sh', process.execPath, '--disable-sigusr1', MAIN, ...serve(data)];
  const { status, stderr } = spawnSync('unshare', words, { encoding: 'utf8' });
  t.strictSame(
    { status, lines: linesOf(stderr) },
    { status: 1, lines: ['/proc is not mounted, and the server needs it'] },
  );
});
