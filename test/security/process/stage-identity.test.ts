/**
 * Between calls the thread of a stage keeps the identity of the last caller. The server still does its own work with
 * its own rights. Here everything that it needs is private to root, and the last caller is a user.
 */
import { chmodSync, chownSync, mkdirSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import t from 'tap';
import { nfsstat3 as S } from '#protocols/nfs3/constants.ts';
import { identityOf } from '#src/graph/identity.ts';
import { asCaller, asServer, byServer, canSwitch } from '#src/sys/process/identity.ts';
import { loadUserXlator } from '#src/graph/user-xlator.ts';
import { folders, serving } from '../../cli/harness.ts';
import { resultOf, statusOf } from '../../soak/model/answer.ts';
import { authSys, Line, marked, recordOf } from '../../soak/model/line.ts';
import { NOTHING } from '../../soak/model/worker.ts';
import { MOUNT3, NFS3 } from '../../soak/procedures.ts';

if (!canSwitch) t.plan(0, 'needs root: a plain user’s server has one identity only');

const USER = identityOf(1000, 1000);

const xlator = (version: number) => `
  import { readFileSync } from 'node:fs';
  import { Xlator } from 'bricknfs/graph/xlator.ts';
  import { word } from './lib/word.ts';
  import data from './lib/data.json' with { type: 'json' };
  export default class extends Xlator {
    version = ${version};
    override async init() {
      readFileSync(new URL('./lib/secret', import.meta.url));
      const { late } = await import('./lib/late-${version}.ts');
      if (word + late + data.more !== 'word, late, more') throw new Error('not what was written');
    }
    override async fini() {
      readFileSync(new URL('./lib/secret', import.meta.url));
    }
  }`;

/** Writes an xlator and the modules that it loads, all readable for their owner only. */
function privateXlator(dir: string, version: number): string {
  mkdirSync(join(dir, 'lib'), { recursive: true });
  for (const [name, text] of [
    ['mine.ts', xlator(version)],
    ['lib/word.ts', `export const word = 'word, ';`],
    [`lib/late-${version}.ts`, `export const late = 'late, ';`],
    ['lib/data.json', '{ "more": "more" }'],
    ['lib/old.cjs', 'module.exports = 7;'],
    ['lib/secret', 'secret'],
  ] as const) {
    writeFileSync(join(dir, name), text, { mode: 0o600 });
  }
  for (const one of [dir, join(dir, 'lib')]) chmodSync(one, 0o700);
  return join(dir, 'mine.ts');
}

t.test(
  "modules are loaded with the server's rights in every way, and afterwards the thread has the caller's again",
  async t => {
    const { dir } = folders(t, 'dir');
    t.teardown(asServer); // This must come before the folder is removed.
    const path = privateXlator(dir, 1);
    const isUser = () => {
      try {
        createRequire(import.meta.url)('node:fs').readFileSync(join(dir, 'lib/secret'));
        return false;
      } catch {
        return true;
      }
    };
    asCaller(USER);
    t.ok(isUser());
    await loadUserXlator(`file:${path}`, join(dir, 'nfs.vol'), 'nfs.vol:1');
    asCaller(USER);
    t.equal(createRequire(path)('./lib/old.cjs'), 7);
    t.ok(isUser(), 'require() has left the thread as it was');
    await import(join(dir, 'lib/late-1.ts'));
    asCaller(USER);
    await t.rejects(import(join(dir, 'lib/none.ts')), { code: 'ERR_MODULE_NOT_FOUND' });
  },
);

t.test("work that the server does within a call leaves the caller's identity as it was, even if it throws", async t => {
  const { dir } = folders(t, 'dir');
  t.teardown(asServer); // This must come before the folder is removed.
  privateXlator(dir, 1);
  const fs = createRequire(import.meta.url)('node:fs') as typeof import('node:fs');
  const read = () => fs.readFileSync(join(dir, 'lib/secret'), 'latin1');
  asCaller(USER);
  t.throws(read, { code: 'EACCES' });
  t.equal(byServer(read), 'secret');
  t.throws(read, { code: 'EACCES' });
  t.throws(() =>
    byServer(() => {
      throw new Error('no');
    }),
  );
  t.throws(read, { code: 'EACCES' });
});

const volfile = (dir: string, more = '') => `
volume brick
  type storage/posix
  option directory ${dir}
  option index on
end-volume
volume mine
  type file:./xlators/mine.ts
  subvolumes brick
end-volume
volume data
  type debug/io-stats
  subvolumes mine
end-volume
volume nfs
  type nfs/server
  option nfs.port 0
  option rpc.register-with-portmap off
  option rpc-auth.ports.insecure on
  ${more}
  subvolumes data
end-volume
`;

for (const stages of [1, 2]) {
  t.test(`SIGHUP works on ${stages} stage(s) whose last caller was a user`, async t => {
    const { data, etc, state } = folders(t, 'data', 'etc', 'state');
    chownSync(data, 1000, 1000);
    for (const dir of [etc, state]) chmodSync(dir, 0o700);
    const xlators = join(etc, 'xlators');
    privateXlator(xlators, 0);
    const file = join(etc, 'nfs.vol');
    writeFileSync(file, volfile(data), { mode: 0o600 });
    const { child, port, stderr, exited } = await serving(t, [
      '-f',
      file,
      '--stages',
      `${stages}`,
      '--state-dir',
      state,
    ]);
    const cred = authSys(1000, 1000);
    const lines = await Promise.all(['127.0.0.1', '127.0.0.2', '127.0.0.3'].map(from => Line.open({ port, from })));
    t.teardown(() => lines.forEach(({ socket }) => socket.destroy()));
    let xid = 0;
    /** Leaves each stage with the identity of the user. */
    const asUser = async () => {
      for (const line of lines) {
        const mounted = await line.exchange(++xid, marked(recordOf(MOUNT3.MNT, '/data', xid, cred)));
        const dir = Buffer.from((resultOf(MOUNT3.MNT, mounted) as { fhandle: Buffer }).fhandle);
        const where = { dir, name: `made-${++xid}` };
        const made = await line.exchange(xid, marked(recordOf(NFS3.MKDIR, { where, attributes: NOTHING }, xid, cred)));
        t.equal(statusOf(resultOf(NFS3.MKDIR, made)), S.NFS3_OK);
      }
    };
    for (let version = 1; version <= 4; version++) {
      await asUser();
      privateXlator(xlators, version);
      writeFileSync(file, volfile(data, `option nfs.mem-factor ${version + 1}`));
      stderr.text = '';
      child.kill('SIGHUP');
      await stderr.until(/"msg":"the (new volfile has taken over|volfile was not reloaded.*)"/);
      t.match(stderr.text, /has taken over/, `reload ${version}`);
    }
    await asUser();
    child.kill('SIGTERM');
    t.equal(await exited, 0);
    t.notMatch(stderr.text, /"level":50/, 'no error was logged when it stopped');
  });
}
